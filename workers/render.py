"""One picture from source to encoded file: decode, tiles, engine, canvas, encode. The heart, in order.

`Renderer.render` walks the whole way in one process. The cluster walks the same steps with the tiles of one
large picture spread over several renderers.
"""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.choices import DeviceChoice, Precision, Statistics
from giornata.jobs.task import RenderTask
from giornata.styles.engine import Engine, Totals
from giornata.styles.library import Library
from giornata.styles.loader import load_engine
from giornata.workers.canvas import Canvas, new_canvas
from giornata.workers.delivery import hand_over
from giornata.workers.errors import OutOfMemory
from giornata.workers.features import FeatureFiles, Keep
from giornata.workers.keeping import SAY_AT_BYTES, Keeping, choose_keeping, room_for_features
from giornata.workers.limits import Limits
from giornata.workers.program import TileDesk, exact_totals, grid_for, render_tiles, thumbnail_totals
from giornata.workers.pulse import Pulse
from giornata.workers.reading import Reading
from giornata.workers.sandbox import Sandbox
from giornata.workers.tiles import TileGrid
from giornata.workers.workbook import Workbook
from giornata.workers.working import WorkingPicture
from giornata.workers.workplace import Workplaces, fingerprint_of

log = logging.getLogger(__name__)
GIB = 1 << 30
LARGE_TILES = 32  # from here on a picture's work outlives its process
SMALL_FILE_BYTES = 1 << 19  # a source below this is not looked at beforehand
CORES_PX = (2048, 1536, 1024, 768, 512, 256)  # what a device's memory may choose from


class RenderSettings(BaseModel):
    """What a renderer needs to know of its machine. `style_folders` come before the shipped library.

    Work on large pictures lasts in `pictures`, if that is given, owned by the process `owner_pid` (this one
    if left out). `sharers` renderers work on one large picture together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scratch: Path
    pictures: Path | None = None
    owner_pid: int | None = None
    sharers: int = Field(default=1, ge=1)
    spill_bytes: int | None = Field(default=None, ge=0, description="for features on scratch; none: its room")
    style_folders: tuple[Path, ...] = ()
    memory_bytes: int = Field(default=GIB, gt=0, description="for the features of one picture's tiles")
    lanes: int = Field(default=1, ge=1, description="blocks computed at once on a CPU")
    limits: Limits = Limits()


class Prepared(BaseModel):
    """A decoded picture waiting for its tiles; small, and valid on every process that sees the scratch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    working: WorkingPicture
    canvas_path: Path
    core_px: int
    keeping: Keeping = Keeping()
    lasting: bool = False  # the folder outlives the process, and is removed when the item is at its end


class Rendered(BaseModel):
    """The encoded file and how it came to be; seconds are wall time by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int
    width: int
    height: int
    tiles: int
    core_px: int
    keeping: Keeping = Keeping()
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = {}


def pick_device(wanted: DeviceChoice) -> str:
    """`cuda` when asked for, or when `auto` finds one; otherwise `cpu`."""
    if wanted is DeviceChoice.AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted.value


def pick_core(engine: Engine, memory_bytes: int, overlap_px: int) -> int:
    """The largest core whose tile fits half of `memory_bytes`; the rest is for what waits between phases."""

    def peak(core_px: int) -> int:
        return (core_px + overlap_px + 2 * engine.halo_px) ** 2 * engine.bytes_per_px

    return next((core for core in CORES_PX if peak(core) <= memory_bytes // 2), CORES_PX[-1])


class Renderer:
    """Renders pictures one after another; belongs to one thread. Close it to end its decoding process."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.library = Library(settings.style_folders)
        self.sandbox = Sandbox(settings.limits)
        self.pulse = Pulse()
        settings.scratch.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """End the decoding process."""
        self.sandbox.close()

    def render(self, task: RenderTask, target: Path) -> Rendered:
        """Render `task` into the file `target` (an attempt's own name).

        Raises `RenderError` or `StyleError`; then nothing is left at `target`.
        """
        clock = Stopwatch()
        folder, lasting = self.workplace(task)
        try:
            prepared = self.prepare(task, folder, lasting=lasting)
            clock.lap("decode")
            self.paint_whole(task, prepared)
            clock.lap("style")
            rendered = self.deliver(task, prepared, target, clock=clock)
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except BaseException:  # stopped, not failed: what lasts is for the next start
            if not lasting:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return rendered

    def new_folder(self) -> Path:
        """A fresh folder of scratch space, which the caller removes."""
        return Path(tempfile.mkdtemp(prefix="render-", dir=self.settings.scratch))

    def workplace(self, task: RenderTask) -> tuple[Path, bool]:
        """The folder to work on `task` in, and whether it is a lasting one. Raises as `prepare` does."""
        if self.settings.pictures is not None and self._is_large(task):
            places = Workplaces(self.settings.pictures, self.settings.owner_pid or os.getpid())
            names = {name for mix in (task.mix, *(one.mix for one in task.regions)) for name in mix}
            weights = sorted(self.library.find(name).card.sha256 for name in names)
            folder = places.enter(task, fingerprint_of(task, pick_device(task.device), *weights))
            if folder is not None:
                return folder, True
        return self.new_folder(), False

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder of scratch space that is gone afterwards."""
        folder = self.new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def engine(self, task: RenderTask) -> Engine:
        """The engine that `task` asks for, on the device it asks for."""
        dtype = torch.bfloat16 if task.precision is Precision.BF16 else torch.float32
        return load_engine(
            self.library,
            task.mix,
            strength=task.strength,
            device=pick_device(task.device),
            dtype=dtype,
            lanes=self.settings.lanes,
        )

    def prepare(self, task: RenderTask, folder: Path, *, lasting: bool = False) -> Prepared:
        """Decode the source and lay out an empty canvas of the same size and depth in `folder`.

        A `lasting` folder may hold both already. Raises `Rejected`, `Unreadable`, `ScratchFull`.
        """
        record = folder / "prepared.json"
        if lasting and record.is_file():
            return Prepared.model_validate_json(record.read_text())
        working = self.sandbox.decode(task.source, folder / "source", self._reading(task))
        self.pulse.tick()
        engine = self.engine(task)
        grid = self._grid_of(task, engine, working.width, working.height)
        keeping = self._keeping(engine, grid, folder, working.depth.bytes)
        canvas = new_canvas(
            folder / "canvas.npy", working.height, working.width, np.dtype(working.depth.value)
        )
        prepared = Prepared(
            folder=folder,
            working=working,
            canvas_path=canvas,
            core_px=grid.core_px,
            keeping=keeping,
            lasting=lasting,
        )
        if lasting:  # written last, so that its presence says that all of it is there
            record.with_suffix(".part").write_text(prepared.model_dump_json())
            record.with_suffix(".part").replace(record)
        return prepared

    def _keeping(self, engine: Engine, grid: TileGrid, folder: Path, sample_bytes: int) -> Keeping:
        settings = self.settings
        room = room_for_features(folder, grid, sample_bytes=sample_bytes, allowed_bytes=settings.spill_bytes)
        keeping = choose_keeping(
            engine, grid, memory_bytes=settings.memory_bytes, sharers=settings.sharers, disk_bytes=room
        )
        if keeping.keep is not Keep.MEMORY or keeping.memory_bytes > SAY_AT_BYTES:
            log.info("%d×%d px in %d tiles: %s", grid.width, grid.height, len(grid), keeping.words)
        return keeping

    def _is_large(self, task: RenderTask) -> bool:
        if Path(task.source).is_file() and Path(task.source).stat().st_size < SMALL_FILE_BYTES:
            return False
        facts = self.sandbox.inspect(task.source, self._reading(task))
        return len(self._grid_of(task, self.engine(task), facts.width, facts.height)) >= LARGE_TILES

    def _reading(self, task: RenderTask) -> Reading:
        return Reading.of(task, limits=self.settings.limits)

    def _grid_of(self, task: RenderTask, engine: Engine, width: int, height: int) -> TileGrid:
        core_px = task.tile_px or pick_core(engine, self.settings.memory_bytes, task.overlap_px)
        return grid_for(engine, width, height, core_px=core_px, overlap_px=task.overlap_px)

    def grid(self, task: RenderTask, prepared: Prepared) -> TileGrid:
        """The tiles of a prepared picture: the same on every process."""
        working = prepared.working
        return grid_for(
            self.engine(task),
            working.width,
            working.height,
            core_px=prepared.core_px,
            overlap_px=task.overlap_px,
        )

    def desk(self, task: RenderTask, prepared: Prepared) -> TileDesk:
        """A desk for a prepared picture; it holds features, so keep it through the phases."""
        files = None
        if prepared.keeping.keep is Keep.DISK:
            files = FeatureFiles(prepared.folder / "features", prepared.keeping.phases)
        return TileDesk(
            self.engine(task),
            self.grid(task, prepared),
            prepared.working.pixels,
            memory_bytes=self.settings.memory_bytes,
            tick=self.pulse.tick,
            files=files,
            book=self.book(prepared),
        )

    def book(self, prepared: Prepared) -> Workbook | None:
        """What is known of a picture whose work lasts."""
        return Workbook(prepared.folder / "book") if prepared.lasting else None

    def borrowed_totals(self, task: RenderTask, prepared: Prepared) -> Totals | None:
        """Totals that do not come from the picture's own tiles, or None when they do (`exact`)."""
        if task.statistics is Statistics.THUMBNAIL:
            return thumbnail_totals(self.engine(task), prepared.working.pixels)
        if task.statistics is Statistics.REFERENCE and task.reference:
            with self.folder() as folder:
                other = self.prepare(task.model_copy(update={"source": task.reference}), folder)
                desk = self.desk(task, other)
                return exact_totals(desk, desk.grid)
        return None

    def paint(
        self, task: RenderTask, prepared: Prepared, desk: TileDesk, tiles: Iterable[int], totals: Totals
    ) -> int:
        """Render the tiles of these indexes into the canvas; returns how many. Raises `OutOfMemory`."""
        canvas = self.canvas(prepared, desk.grid)
        wanted = (desk.grid[index] for index in tiles)
        with memory_errors(prepared.core_px):
            return sum(1 for _ in render_tiles(desk, canvas, wanted, totals, blend=task.blend))

    def paint_whole(self, task: RenderTask, prepared: Prepared) -> Totals:
        """All phases and all tiles in this process; returns the totals."""
        desk = self.desk(task, prepared)
        with memory_errors(prepared.core_px):
            totals = self.borrowed_totals(task, prepared) or exact_totals(desk, desk.grid)
        self.paint(task, prepared, desk, range(len(desk.grid)), totals)
        return totals

    def canvas(self, prepared: Prepared, grid: TileGrid) -> Canvas:
        """The prepared picture's canvas, open for writing."""
        pixels = np.load(prepared.canvas_path, mmap_mode="r+")
        return Canvas(grid, pixels, prepared.folder / "strips")

    def deliver(
        self, task: RenderTask, prepared: Prepared, target: Path, *, clock: "Stopwatch | None" = None
    ) -> Rendered:
        """Blend the strips, encode to `target`. Raises `IncompleteCanvas`, `EncodeFailed`."""
        clock = clock or Stopwatch()
        grid, working = self.grid(task, prepared), prepared.working
        pixels = self.canvas(prepared, grid).finish()
        self.pulse.tick()
        target.parent.mkdir(parents=True, exist_ok=True)
        handed = hand_over(task, working=working, pixels=pixels, target=target)
        encoded = handed.encoded
        clock.lap("encode")
        return Rendered(
            sha256=encoded.sha256,
            bytes=encoded.bytes,
            width=encoded.width,
            height=encoded.height,
            tiles=len(grid),
            core_px=prepared.core_px,
            keeping=prepared.keeping,
            warnings=(*working.facts.warnings, *_costly(prepared.keeping), *handed.warnings),
            seconds=clock.laps,
        )


def _costly(keeping: Keeping) -> tuple[str, ...]:
    """What somebody who waits should know."""
    return (f"slow: {keeping.words}",) if keeping.keep is Keep.RECOMPUTE else ()


class Stopwatch:
    """Wall seconds by step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, step: str) -> None:
        """End the step that has been running since the last lap."""
        now = time.monotonic()
        self.laps[step] = round(now - self._since, 4)
        self._since = now


@contextmanager
def memory_errors(core_px: int) -> Iterator[None]:
    """Translate a device's or the machine's refusal of memory into `OutOfMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise OutOfMemory(core_px) from exc
    except RuntimeError as exc:
        # The CPU allocator raises a plain RuntimeError.
        if "not enough memory" in str(exc) or "can't allocate memory" in str(exc):
            raise OutOfMemory(core_px) from exc
        raise
