"""Makes a picture ready for its tiles: decoded, measured out, its effects prepared, its canvas laid out."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.engine import Engine
from giornata.styles.perception.encoder_files import encoder_version
from giornata.styles.universal.network_files import load_network_card
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.options import DecodeOptions
from giornata.workers.device import pick_device
from giornata.workers.effects.crop import to_style
from giornata.workers.effects.effects import Effects, canvas_depth, prepare_effects
from giornata.workers.optimization.setup import refuse_effects
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.rendering.quality import LUMA, TRIAL_PX, faithful_strength, ssim
from giornata.workers.rendering.workdir import WorkDirs, fingerprint_of
from giornata.workers.source import Depth
from giornata.workers.tiling.arrays import reduced
from giornata.workers.tiling.canvas import new_canvas
from giornata.workers.tiling.executor import styled_in_one
from giornata.workers.tiling.feature_plan import FeaturePlacement, FeaturePlan
from giornata.workers.tiling.features import SAY_AT_BYTES, plan_features, room_for_features
from giornata.workers.tiling.grid import TileGrid

log = logging.getLogger(__name__)
LARGE_TILES = 32  # from here on a picture's work outlives its process
SMALL_FILE_BYTES = 1 << 19  # a source below this is not looked at beforehand


class Preparer:
    """`paint` paints a whole picture in this process: for an effect that needs another one beside it."""

    def __init__(self, shop: RenderContext, paint: Callable[[RenderTask, PreparedImage], object]) -> None:
        self.shop, self._paint = shop, paint

    def prepare(self, task: RenderTask, folder: Path, *, lasting: bool = False) -> PreparedImage:
        """Decode the source and lay out an empty canvas of the same size and depth in `folder`.

        A `lasting` folder may hold both already. Raises `Rejected`, `Unreadable`, `ScratchFull`.
        """
        refuse_effects(task)
        record = folder / "prepared.json"
        if lasting and record.is_file():
            return PreparedImage.model_validate_json(record.read_text())
        decoded = self.shop.sandbox.decode(task.source, folder / "source", self._reading(task))
        self.shop.pulse.tick()
        working = to_style(decoded, task.crop, folder / "crop")
        prepared = self.with_effects(task, working, folder, strength=self._faithful(task, working))
        prepared = prepared.model_copy(update={"lasting": lasting})
        if lasting:  # written last, so that its presence says that all of it is there
            record.with_suffix(".part").write_text(prepared.model_dump_json())
            record.with_suffix(".part").replace(record)
        return prepared

    def with_effects(
        self, task: RenderTask, working: DecodedImage, folder: Path, *, strength: float | None
    ) -> PreparedImage:
        """An empty canvas in `folder`, and beside it what the effects of `task` need."""
        if strength is not None:
            task = task.model_copy(update={"strength": strength})
        effects = prepare_effects(
            task,
            working,
            folder / "effects",
            sandbox=self.shop.sandbox,
            native_px=self.shop.engines.native_stroke_px,
            paint=self._paint_aside,
        )
        laid_out = self._laid_out(task, working, folder, effects, canvas_depth(task, working))
        return laid_out.model_copy(update={"strength": strength})

    def workplace(self, task: RenderTask) -> tuple[Path, bool]:
        """The folder to work on `task` in, and whether it is a lasting one. Raises as `prepare` does."""
        lasts = task.engine is EngineKind.OPTIMIZATION or (
            self.shop.settings.pictures is not None and self._is_large(task)
        )
        if self.shop.settings.pictures is not None and lasts:
            places = WorkDirs(self.shop.settings.pictures, self.shop.settings.owner_pid or os.getpid())
            names = {name for mix in (task.mix, *(one.mix for one in task.regions)) for name in mix}
            weights = sorted(self.shop.library.find(name).card.version for name in names)
            if task.engine is EngineKind.UNIVERSAL:
                weights.append(load_network_card().sha256)
            if task.optimise is not None:
                weights.append(encoder_version(task.optimise.encoder))
            folder = places.enter(task, fingerprint_of(task, pick_device(task.device), *weights))
            if folder is not None:
                return folder, True
        return self.shop.new_folder(), False

    def _faithful(self, task: RenderTask, working: DecodedImage) -> float | None:
        """The strength at which a small copy is as close to its source as was asked; nothing if not asked."""
        if task.min_ssim is None:
            return None
        source = reduced(working.pixels, TRIAL_PX)

        def likeness(strength: float) -> float:
            engine = self.shop.engine(task.model_copy(update={"strength": strength}))
            styled = styled_in_one(engine, source)
            self.shop.pulse.tick()
            return ssim((task.blend * styled + (1 - task.blend) * source) @ LUMA, source @ LUMA)

        strength, _ = faithful_strength(likeness, strength=task.strength, floor=task.min_ssim)
        return strength

    def _laid_out(
        self, task: RenderTask, working: DecodedImage, folder: Path, effects: Effects, depth: Depth
    ) -> PreparedImage:
        """An empty canvas in `folder` for what is to be painted, and what its tiles need."""
        painting, engine = effects.painting or working, self.shop.engine(task)
        grid = self.shop.grid_of(task, engine, painting.width, painting.height)
        canvas = new_canvas(folder / "canvas.npy", painting.height, painting.width, np.dtype(depth.value))
        return PreparedImage(
            folder=folder,
            working=working,
            canvas_path=canvas,
            core_px=grid.core_px,
            effects=effects,
            keeping=self._keeping(engine, grid, folder, depth.bytes),
        )

    def _paint_aside(self, task: RenderTask, picture: DecodedImage, folder: Path, effects: Effects) -> Path:
        """Paint `picture` whole, in this process, for an effect of another; the canvas, 16 bits a sample."""
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        folder.mkdir(parents=True)
        prepared = self._laid_out(task, picture, folder, effects, Depth.UINT16)
        self._paint(task, prepared)
        self.shop.canvas(prepared, self.shop.grid(task, prepared)).finish()
        for left in ("strips", "features"):
            shutil.rmtree(folder / left, ignore_errors=True)
        return prepared.canvas_path

    def _keeping(self, engine: Engine, grid: TileGrid, folder: Path, sample_bytes: int) -> FeaturePlan:
        settings = self.shop.settings
        room = room_for_features(folder, grid, sample_bytes=sample_bytes, allowed_bytes=settings.spill_bytes)
        keeping = plan_features(
            engine, grid, memory_bytes=settings.memory_bytes, sharers=settings.sharers, disk_bytes=room
        )
        if keeping.keep is not FeaturePlacement.MEMORY or keeping.memory_bytes > SAY_AT_BYTES:
            log.info("%d×%d px in %d tiles: %s", grid.width, grid.height, len(grid), keeping.words)
        return keeping

    def _is_large(self, task: RenderTask) -> bool:
        if Path(task.source).is_file() and Path(task.source).stat().st_size < SMALL_FILE_BYTES:
            return False
        facts = self.shop.sandbox.inspect(task.source, self._reading(task))
        return len(self.shop.grid_of(task, self.shop.engine(task), facts.width, facts.height)) >= LARGE_TILES

    def _reading(self, task: RenderTask) -> DecodeOptions:
        return DecodeOptions.of(task, limits=self.shop.settings.limits)
