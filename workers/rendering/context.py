"""`RenderContext`: the styles, decoding process, scratch and heartbeat that all steps of a render share."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from giornata.jobs.model.task import RenderTask
from giornata.styles.engine import Engine
from giornata.styles.library import Library
from giornata.workers.decoding.options import DecodeOptions
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

STYLE_IMAGES = "style-images"  # the folder of their statistics, for all sessions of a machine


class RenderContext:
    """Belongs to one thread, as its decoding process does. Close it to end that."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.library = Library(settings.style_folders)
        self.sandbox = Sandbox(settings.limits)
        self.heartbeat = Heartbeat()
        self.watch: Callable[[OptimizationProgress], None] = lambda progress: None
        self.styled_images = StyledImageCache(settings.scratch / "masters")
        shared = settings.pictures.parent if settings.pictures else settings.scratch
        images = StyleImages(shared / STYLE_IMAGES, self.sandbox, self.tick)
        self.engines = Engines(self.library, images, settings.lanes)
        settings.scratch.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """End the decoding process."""
        self.sandbox.close()

    def tick(self) -> None:
        """A step is done. Raises `Cancelled` when the claim at hand was dropped meanwhile."""
        self.heartbeat.tick()

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

    def decode_options(self, task: RenderTask) -> DecodeOptions:
        """How the source of `task` is to be read, within this renderer's limits."""
        return DecodeOptions.of(task, limits=self.settings.limits)

    def engine(self, task: RenderTask) -> Engine:
        """See `Engines.engine`."""
        return self.engines.engine(task)

    def grid(self, task: RenderTask, prepared: PreparedImage) -> TileGrid:
        """The tiles of a prepared image: the same on every process."""
        painting = prepared.painting
        return grid_for(
            self.engine(task),
            painting.width,
            painting.height,
            core_px=prepared.core_px,
            overlap_px=task.overlap_px,
        )

    def grid_of(self, task: RenderTask, engine: Engine, width: int, height: int) -> TileGrid:
        """The tiles of an image of this size, with the core that `task` or the memory asks for."""
        core_px = task.tile_px or pick_core(engine, self.settings.memory_bytes, task.overlap_px)
        return grid_for(engine, width, height, core_px=core_px, overlap_px=task.overlap_px)

    def executor(self, task: RenderTask, prepared: PreparedImage) -> TileExecutor:
        """The executor of a prepared image; it holds features, so keep it through the phases."""
        files = None
        if prepared.feature_plan.keep is FeaturePlacement.DISK:
            files = FeatureFiles(prepared.folder / "features", prepared.feature_plan.phases)
        return TileExecutor(
            self.engine(prepared.task_of(task)),
            self.grid(task, prepared),
            prepared.painting.pixels,
            memory_bytes=self.settings.memory_bytes,
            tick=self.tick,
            files=files,
            log=self.statistics_log(prepared),
        )

    def statistics_log(self, prepared: PreparedImage) -> StatisticsLog | None:
        """The statistics log of an image whose work lasts; None for other images."""
        return StatisticsLog(prepared.folder / "book") if prepared.lasting else None

    def canvas(self, prepared: PreparedImage, grid: TileGrid) -> Canvas:
        """The prepared image's canvas, open for writing."""
        pixels = np.load(prepared.canvas_path, mmap_mode="r+")
        return Canvas(grid, pixels, prepared.strips, worker=self.settings.worker)
