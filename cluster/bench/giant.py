"""`giornata bench giant`: one large picture through `giornata run`, with the memory of all its processes.

Memory is the sum of every process's proportional share (`Pss` in /proc/*/smaps_rollup): what several map is
counted once, and so are pages of files that they have mapped.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pyvips
import yaml

from giornata.cluster.bench.batch import NAMES, photograph
from giornata.cluster.settings import STORE_NAME
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore

MEGA = 1_000_000
PHOTO_PX = 512
OCTAVES = (
    (64, 24.0),
    (16, 16.0),
    (4, 10.0),
    (1, 6.0),
)  # cell in px, and deviation of its noise in 8-bit steps
LOOK_S = 1.0  # a look costs tens of milliseconds a gigabyte
WEIGH_EVERY = 10  # looks; scratch holds thousands of files
COMMAND = (sys.executable, "-m", "giornata.cluster.cli.main")


@dataclass(frozen=True)
class GiantRow:
    """One picture on some workers; `seconds` from decoding to the encoded file, without starting Ray."""

    megapixels: float
    workers: int
    seconds: float
    megapixels_per_s: float
    peak_pss_mb: float
    peak_process_mb: float
    scratch_mb: float
    sha256: str


@dataclass(frozen=True)
class GiantSetting:
    """Sizes, workers and options of one measurement; `tile` None is the product's own."""

    folder: Path
    megapixels: tuple[float, ...] = (25.0, 100.0, 400.0)
    workers: tuple[int, ...] = (4,)
    style: str = "great-wave"
    styles: str = ""
    tile: int | None = None
    overlap: int | None = None
    memory_bytes: int | None = None
    strips: bool = False
    command: tuple[str, ...] = COMMAND


def write_giant(path: Path, megapixels: float, *, strips: bool = False) -> None:
    """A square TIFF of so many megapixels, streamed: a mosaic of photographs under noise of four octaves."""
    side = round((megapixels * MEGA) ** 0.5)
    photos = [
        pyvips.Image.new_from_array(photograph(number, PHOTO_PX, PHOTO_PX)) for number in range(len(NAMES))
    ]
    mosaic = pyvips.Image.arrayjoin(photos, across=3)
    across, down = -(-side // mosaic.width), -(-side // mosaic.height)
    picture = mosaic.replicate(across, down).crop(0, 0, side, side).cast("float")
    for seed, (cell, deviation) in enumerate(OCTAVES):
        cells = -(-side // cell)
        noise = pyvips.Image.gaussnoise(cells, cells, mean=0, sigma=deviation, seed=seed)
        picture = picture + noise.zoom(cell, cell).crop(0, 0, side, side)
    layout = {} if strips else {"tile": True, "tile_width": 256, "tile_height": 256}
    picture.cast("uchar").copy(interpretation="srgb").tiffsave(str(path), bigtiff=True, **layout)


class Scales:
    """Weighs a command's processes and its scratch folder all the time, from a thread."""

    def __init__(self, pid: int, scratch: Path) -> None:
        self._pid, self._scratch = pid, scratch
        self.peak_bytes = self.peak_process_bytes = self.scratch_bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        looks = 0
        while not self._over.wait(LOOK_S):
            shares = [share_bytes(pid) for pid in family(self._pid)]
            self.peak_bytes = max(self.peak_bytes, sum(shares))
            self.peak_process_bytes = max(self.peak_process_bytes, *shares, 0)
            if looks % WEIGH_EVERY == 0:
                self.scratch_bytes = max(self.scratch_bytes, folder_bytes(self._scratch))
            looks += 1


def family(pid: int) -> list[int]:
    """A process and all below it."""
    pids, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        pids.append(current)
        for task in Path(f"/proc/{current}/task").glob("*/children"):
            try:
                waiting += [int(word) for word in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return pids


def share_bytes(pid: int) -> int:
    """The proportional share of a process, 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (OSError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def folder_bytes(folder: Path) -> int:
    """Bytes that a folder's files take on disk, holes left out."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def run_one(setting: GiantSetting, source: Path, megapixels: float, workers: int) -> GiantRow:
    """One batch of one picture by the command itself. Raises `RuntimeError` when it does not deliver."""
    folder = setting.folder / f"{megapixels:g}-{workers}"
    home = folder / "home"
    home.mkdir(parents=True)
    if setting.styles:
        (home / "styles").symlink_to(Path(setting.styles).absolute())
    render = {"tile": setting.tile, "overlap": setting.overlap}
    spec = {
        "name": "giant",
        "inputs": [str(source.absolute())],
        "styles": [setting.style],
        "destination": "out",
        "outputs": [{"format": "tiff", "compression": "none"}],
        "render": {name: value for name, value in render.items() if value is not None},
        "policy": {"timeout_s": 86_400},
    }
    (folder / "batch.yaml").write_text(yaml.safe_dump(spec))
    limit = () if setting.memory_bytes is None else ("--memory", str(setting.memory_bytes))
    environment = {**os.environ, "GIORNATA_HOME": str(home.absolute()), "GIORNATA_SCRATCH": ""}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*setting.command, "run", "batch.yaml", "--workers", str(workers), *limit],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
        with Scales(process.pid, home / "scratch") as scales:
            process.wait()
    row = GiantRow(
        megapixels,
        workers,
        0.0,
        0.0,
        scales.peak_bytes / MEGA,
        scales.peak_process_bytes / MEGA,
        scales.scratch_bytes / MEGA,
        "",
    )
    return _delivered(folder, row, log_path=folder / "log.txt")


def _delivered(folder: Path, row: GiantRow, *, log_path: Path) -> GiantRow:
    """The row with what the store says of the only item."""
    with JobStore(folder / "home" / STORE_NAME) as store:
        (item,) = (item for job_id in store.jobs.ids() for item in store.items.all(job_id))
    if item.state is not ItemState.DONE or not item.seconds:
        log_tail = log_path.read_text(errors="replace")[-2000:]
        raise RuntimeError(
            f"{row.megapixels:g} megapixels on {row.workers} workers: {item.reason}\n{log_tail}"
        )
    speed = (item.width or 0) * (item.height or 0) / MEGA / item.seconds
    return replace(row, seconds=item.seconds, megapixels_per_s=speed, sha256=str(item.sha256))


def measure(setting: GiantSetting) -> list[GiantRow]:
    """Every size on every number of workers; outputs are removed once they have been weighed."""
    rows = []
    for megapixels in setting.megapixels:
        source = setting.folder / f"source-{megapixels:g}.tif"
        started = time.monotonic()
        write_giant(source, megapixels, strips=setting.strips)
        _say(f"source of {megapixels:g} megapixels in {time.monotonic() - started:.0f} s")
        for workers in setting.workers:
            rows.append(run_one(setting, source, megapixels, workers))
            _say(str(rows[-1]))
            for output in (setting.folder / f"{megapixels:g}-{workers}" / "out").glob("*.tif"):
                output.unlink()
        source.unlink()
    return rows


def same_pixels(rows: Sequence[GiantRow]) -> bool:
    """Whether pictures of one size came out the same on any number of workers."""
    return len({(row.megapixels, row.sha256) for row in rows}) == len({row.megapixels for row in rows})


def linearity(rows: Sequence[GiantRow]) -> float:
    """Speed at the largest size over speed at the smallest, on the same workers; the worst of them."""
    ratios = []
    for workers in {row.workers for row in rows}:
        by_size = sorted((row for row in rows if row.workers == workers), key=lambda row: row.megapixels)
        ratios.append(by_size[-1].megapixels_per_s / by_size[0].megapixels_per_s)
    return min(ratios)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
