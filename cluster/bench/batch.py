"""`giornata bench batch`: pictures a second of a plain loop, of one at a time, and of the batch system.

The photographs are scikit-image's own, sized and cropped so that no two are alike.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
import skimage.data
import torch
from numpy.typing import NDArray

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.batch.session import batch_session
from giornata.cluster.settings import Machine, settings_for
from giornata.jobs.model.states import JobState
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.loader import parse_spec
from giornata.styles.library import Library
from giornata.styles.loader import load_feedforward
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "retina")


def photograph(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A photograph filling `width` x `height` px: uint8, H x W x 3; the crop moves with `number`."""
    samples = getattr(skimage.data, NAMES[number % len(NAMES)])()
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(samples[:, :, :3]))
    scale = max(width / picture.width, height / picture.height) * (1 + 0.05 * (number // len(NAMES)))
    large = picture.resize(scale, kernel="lanczos3")
    left, top = (large.width - width) // 2, (large.height - height) // 2
    crop: NDArray[np.uint8] = large.crop(left, top, width, height).numpy()
    return crop


def write_photographs(folder: Path, count: int, side_px: int) -> list[Path]:
    """`count` JPEG files of side_px x side_px."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"photo-{number:03d}.jpg"
        pyvips.Image.new_from_array(photograph(number, side_px, side_px)).jpegsave(str(path), Q=92)
        paths.append(path)
    return paths


@dataclass(frozen=True)
class BatchRow:
    """One way of rendering the same pictures; `ratio` is to the plain loop."""

    name: str
    pictures: int
    seconds: float
    pictures_per_s: float
    ratio: float


@dataclass(frozen=True)
class BatchSetting:
    """Folder, style, pictures and workers of one measurement."""

    folder: Path
    style: str = "great-wave"
    styles: str = ""
    pictures: int = 24
    side_px: int = 512
    workers: int | None = None

    @property
    def library_folders(self) -> tuple[Path, ...]:
        """Style folders before the shipped one."""
        return (Path(self.styles),) if self.styles else ()


def plain_loop(setting: BatchSetting, paths: list[Path], threads: int) -> float:
    """Decode, run the network, encode, one after another in one process; seconds."""
    engine = load_feedforward(Library(setting.library_folders), {setting.style: 1.0})
    torch.set_num_threads(threads)
    out = setting.folder / "loop"
    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for path in paths:
        samples = pyvips.Image.new_from_file(str(path), access="sequential").numpy()
        pixels = torch.from_numpy(samples).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            image = engine.network(pixels, engine.weights)[0].permute(1, 2, 0)
        styled = (image * 255).round().clamp(0, 255).byte().numpy()
        pyvips.Image.new_from_array(styled).jpegsave(str(out / path.name), Q=92)
    return time.perf_counter() - started


def one_at_a_time(setting: BatchSetting, paths: list[Path], threads: int) -> float:
    """`giornata render` for every picture, the program loaded once; seconds."""
    torch.set_num_threads(1)
    out = setting.folder / "single"
    out.mkdir(parents=True, exist_ok=True)
    settings = RenderSettings(
        scratch=setting.folder / "scratch", style_folders=setting.library_folders, lanes=threads
    )
    renderer = Renderer(settings)
    started = time.perf_counter()
    try:
        for path in paths:
            task = RenderTask(
                item_id=path.stem,
                source=str(path),
                target=str(out / path.name),
                style_label=setting.style,
                mix={setting.style: 1.0},
                format=PictureFormat.JPEG,
            )
            renderer.render(task, out / path.name)
    finally:
        renderer.close()
    return time.perf_counter() - started


def batch(setting: BatchSetting, count: int) -> tuple[float, float]:
    """The batch system with its workers up and warm: seconds of the batch, and of the start before it."""
    settings = settings_for(
        Machine.detect(),
        workers=setting.workers,
        home=setting.folder / "home",
        scratch=setting.folder / "scratch",
    )
    spec = {
        "name": "bench",
        "inputs": ["photos"],
        "styles": [setting.style],
        "outputs": [{"format": "jpeg"}],
        "destination": "batch",
    }
    started = time.perf_counter()
    styles = InstalledStyles(Library(setting.library_folders))
    with batch_session(settings, styles=styles, library_folders=setting.library_folders) as session:
        ready = time.perf_counter()
        job = session.manager.submit(parse_spec(spec, origin="bench"), base=setting.folder)
        state = session.manager.run_until_done(job.job_id)
        seconds = time.perf_counter() - ready
    delivered = len(list((setting.folder / "batch").glob("*.jpg")))
    if state is not JobState.COMPLETED or delivered != count:
        raise RuntimeError(f"the batch ended {state} with {delivered} of {count} pictures")
    return seconds, ready - started


def measure(setting: BatchSetting) -> tuple[list[BatchRow], float]:
    """All ways on the same pictures in one run, and the seconds that starting the batch system took."""
    paths = write_photographs(setting.folder / "photos", setting.pictures, setting.side_px)
    threads = Machine.detect().cpus
    plain_loop(setting, paths[:1], threads)  # the first convolution of a process compiles
    seconds = {
        "plain loop": plain_loop(setting, paths, threads),
        "one at a time": one_at_a_time(setting, paths, threads),
    }
    seconds["batch"], start_s = batch(setting, len(paths))
    loop_s = seconds["plain loop"]
    rows = [
        BatchRow(name, len(paths), took, len(paths) / took, loop_s / took) for name, took in seconds.items()
    ]
    return rows, start_s
