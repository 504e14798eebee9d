"""Prepares an image for its tiles: decoded, its effects prepared, its canvas laid out on scratch."""

import logging
import os
import shutil
from pathlib import Path

import numpy as np

from giornata.atomic_file import atomic_write
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.engine import Engine
from giornata.styles.perception.encoder_files import encoder_version
from giornata.styles.universal.network_files import load_network_card
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.device import pick_device
from giornata.workers.effects.crop import to_style
from giornata.workers.effects.effects import Effects, PaintAside, canvas_depth, pixel_blend, prepare_effects
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
LARGE_TILES = 32  # from here on an image's work outlives its process
SMALL_FILE_BYTES = 1 << 19  # a source below this is not looked at beforehand
RECORD = "prepared.json"


def enter_workdir(context: RenderContext, task: RenderTask) -> tuple[Path, bool]:
    """The folder to work on `task` in, and whether it outlives this process. Raises as `prepare` does."""
    root = context.settings.pictures
    if root is not None and (task.engine is EngineKind.OPTIMIZATION or _is_large(context, task)):
        workdirs = WorkDirs(root, context.settings.owner_pid or os.getpid())
        versions = _versions_used(context, task)
        folder = workdirs.enter(task, fingerprint_of(task, pick_device(task.device), *versions))
        if folder is not None:
            return folder, True
    return context.new_folder(), False


def prepare(
    context: RenderContext, task: RenderTask, folder: Path, *, paint_aside: PaintAside, lasting: bool = False
) -> PreparedImage:
    """Decode the source and lay out an empty canvas of the same size and depth in `folder`.

    `paint_aside` paints an image whole, for an effect that needs it beside this one. A `lasting` folder may
    hold all of it already. Raises `Rejected`, `Unreadable`, `ScratchFull`, `EffectRefused`.
    """
    refuse_effects(task)
    record = folder / RECORD
    if lasting and record.is_file():
        return PreparedImage.model_validate_json(record.read_text())
    source = context.sandbox.decode(task.source, folder / "source", context.decode_options(task))
    context.tick()
    decoded = to_style(source, task.crop, folder / "crop")
    strength = _faithful_strength(context, task, decoded)
    prepared = with_effects(context, task, decoded, folder, strength=strength, paint_aside=paint_aside)
    prepared = prepared.model_copy(update={"lasting": lasting})
    if lasting:  # written last, so that its presence says that all of it is there
        with atomic_write(record) as part:
            part.write_text(prepared.model_dump_json())
    return prepared


def with_effects(
    context: RenderContext,
    task: RenderTask,
    decoded: DecodedImage,
    folder: Path,
    *,
    strength: float | None,
    paint_aside: PaintAside,
) -> PreparedImage:
    """An empty canvas in `folder`, and beside it the files that effects of `task` need at this strength."""
    if strength is not None:
        task = task.model_copy(update={"strength": strength})
    effects = prepare_effects(
        task,
        decoded,
        folder / "effects",
        sandbox=context.sandbox,
        native_px=context.engines.native_stroke_px,
        paint=paint_aside,
    )
    prepared = lay_out(context, task, decoded, folder, effects, canvas_depth(task, decoded))
    return prepared.model_copy(update={"strength": strength})


def lay_out(
    context: RenderContext,
    task: RenderTask,
    decoded: DecodedImage,
    folder: Path,
    effects: Effects,
    depth: Depth,
) -> PreparedImage:
    """An empty canvas of this depth in `folder` for the painting, and the plan that its tiles need."""
    painting, engine = effects.painting or decoded, context.engine(task)
    grid = context.grid_of(task, engine, painting.width, painting.height)
    canvas = new_canvas(folder / "canvas.npy", painting.height, painting.width, np.dtype(depth.value))
    return PreparedImage(
        folder=folder,
        decoded=decoded,
        canvas_path=canvas,
        core_px=grid.core_px,
        effects=effects,
        feature_plan=_feature_plan(context, engine, grid, folder, depth.bytes),
    )


def forget_tiles(folder: Path) -> None:
    """Remove the files that only the tiles of a painted canvas needed."""
    for name in ("strips", "features"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _versions_used(context: RenderContext, task: RenderTask) -> list[str]:
    """Versions of all weights that `task` is styled with."""
    names = {name for mix in (task.mix, *(region.mix for region in task.regions)) for name in mix}
    versions = sorted(context.library.find(name).card.version for name in names)
    if task.engine is EngineKind.UNIVERSAL:
        versions.append(load_network_card().sha256)
    if task.optimise is not None:
        versions.append(encoder_version(task.optimise.encoder))
    return versions


def _is_large(context: RenderContext, task: RenderTask) -> bool:
    if Path(task.source).is_file() and Path(task.source).stat().st_size < SMALL_FILE_BYTES:
        return False
    facts = context.sandbox.inspect(task.source, context.decode_options(task))
    return len(context.grid_of(task, context.engine(task), facts.width, facts.height)) >= LARGE_TILES


def _faithful_strength(context: RenderContext, task: RenderTask, decoded: DecodedImage) -> float | None:
    """The strength at which a small copy is as close to its source as requested; None without a request."""
    if task.min_ssim is None:
        return None
    source = reduced(decoded.pixels, TRIAL_PX)

    def likeness(strength: float) -> float:
        trial = task.model_copy(update={"strength": strength})
        styled, blend = styled_in_one(context.engine(trial), source), pixel_blend(trial)
        context.tick()
        return ssim((blend * styled + (1 - blend) * source) @ LUMA, source @ LUMA)

    strength, _ = faithful_strength(likeness, strength=task.strength, floor=task.min_ssim)
    return strength


def _feature_plan(
    context: RenderContext, engine: Engine, grid: TileGrid, folder: Path, sample_bytes: int
) -> FeaturePlan:
    settings = context.settings
    room = room_for_features(folder, grid, sample_bytes=sample_bytes, allowed_bytes=settings.spill_bytes)
    plan = plan_features(
        engine, grid, memory_bytes=settings.memory_bytes, sharers=settings.sharers, disk_bytes=room
    )
    if plan.keep is not FeaturePlacement.MEMORY or plan.memory_bytes > SAY_AT_BYTES:
        log.info("%d×%d px in %d tiles: %s", grid.width, grid.height, len(grid), plan.words)
    return plan
