"""`RenderContext`: the styles, decoding process, scratch and heartbeat that all steps of a render share."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from giornata.jobs.model.task import RenderTask
from giornata.styles.engine import Engine
from giornata.styles.library import Library
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.device import pick_core
from giornata.workers.optimization.runner import OptimizationProgress
from giornata.workers.rendering.cache import StyledImageCache
from giornata.workers.rendering.engines import Engines
from giornata.workers.rendering.heartbeat import Heartbeat
from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.rendering.style_images import StyleImages
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling.canvas import Canvas
from giornata.workers.tiling.executor import TileExecutor, grid_for
from giornata.workers.tiling.feature_plan import FeaturePlacement
from giornata.workers.tiling.features import FeatureFiles
from giornata.workers.tiling.grid import TileGrid
from giornata.workers.tiling.statistics_log import StatisticsLog

STYLE_IMAGES = "style-images"  # the folder of what they were learnt to be, for all sessions of a machine


class RenderContext:
    """Belongs to one thread, as its decoding process does. Close it to end that."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.library = Library(settings.style_folders)
        self.sandbox = Sandbox(settings.limits)
        self.pulse = Heartbeat()
        self.watch: Callable[[OptimizationProgress], None] = lambda progress: None
        self.masters = StyledImageCache(settings.scratch / "masters")
        shared = settings.pictures.parent if settings.pictures else settings.scratch
        images = StyleImages(shared / STYLE_IMAGES, self.sandbox, self.pulse.tick)
        self.engines = Engines(self.library, images, settings.lanes)
        settings.scratch.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """End the decoding process."""
        self.sandbox.close()

    def new_folder(self) -> Path:
        """A fresh folder of scratch space, which the caller removes."""
        return Path(tempfile.mkdtemp(prefix="render-", dir=self.settings.scratch))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder of scratch space that is gone afterwards."""
        folder = self.new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def engine(self, task: RenderTask) -> Engine:
        """See `Engines.engine`."""
        return self.engines.engine(task)

    def told(self, task: RenderTask, prepared: PreparedImage) -> RenderTask:
        """The task with the strength that was chosen for its picture."""
        if prepared.strength is None:
            return task
        return task.model_copy(update={"strength": prepared.strength})

    def grid(self, task: RenderTask, prepared: PreparedImage) -> TileGrid:
        """The tiles of a prepared picture: the same on every process."""
        painting = prepared.painting
        return grid_for(
            self.engine(task),
            painting.width,
            painting.height,
            core_px=prepared.core_px,
            overlap_px=task.overlap_px,
        )

    def desk(self, task: RenderTask, prepared: PreparedImage) -> TileExecutor:
        """A desk for a prepared picture; it holds features, so keep it through the phases."""
        files = None
        if prepared.keeping.keep is FeaturePlacement.DISK:
            files = FeatureFiles(prepared.folder / "features", prepared.keeping.phases)
        return TileExecutor(
            self.engine(self.told(task, prepared)),
            self.grid(task, prepared),
            prepared.painting.pixels,
            memory_bytes=self.settings.memory_bytes,
            tick=self.pulse.tick,
            files=files,
            book=self.book(prepared),
        )

    def book(self, prepared: PreparedImage) -> StatisticsLog | None:
        """What is known of a picture whose work lasts."""
        return StatisticsLog(prepared.folder / "book") if prepared.lasting else None

    def canvas(self, prepared: PreparedImage, grid: TileGrid) -> Canvas:
        """The prepared picture's canvas, open for writing."""
        pixels = np.load(prepared.canvas_path, mmap_mode="r+")
        return Canvas(grid, pixels, prepared.folder / "strips", painter=self.settings.worker)

    def grid_of(self, task: RenderTask, engine: Engine, width: int, height: int) -> TileGrid:
        """The tiles of a picture of this size, with the core that `task` or the memory asks for."""
        core_px = task.tile_px or pick_core(engine, self.settings.memory_bytes, task.overlap_px)
        return grid_for(engine, width, height, core_px=core_px, overlap_px=task.overlap_px)


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
