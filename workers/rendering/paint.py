"""Paints a prepared image's tiles onto its canvas: by the phases of a network, or by optimisation."""

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import EngineKind, Statistics
from giornata.styles.moments import Totals
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.device import memory_errors, pick_device
from giornata.workers.effects.effects import Effects, PaintAside, bare
from giornata.workers.optimization import setup
from giornata.workers.optimization.runner import optimize
from giornata.workers.optimization.scale import Optimization
from giornata.workers.rendering.cache import keep_totals, kept_totals, reference_task, totals_key
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.prepare import forget_tiles, lay_out, prepare
from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.source import Depth
from giornata.workers.tiling.executor import TileExecutor, exact_totals, render_tiles, thumbnail_totals


def paint_whole(context: RenderContext, task: RenderTask, prepared: PreparedImage) -> Totals:
    """All phases and all tiles in this process; returns the totals, none of an optimisation.

    Raises `OutOfMemory`, `StyleError`, and `Cancelled` between tiles.
    """
    if task.engine is EngineKind.OPTIMIZATION:
        _optimize(context, task, prepared)
        return ()
    executor = context.executor(task, prepared)
    with memory_errors(prepared.core_px):
        totals = borrowed_totals(context, task, prepared) or exact_totals(executor, executor.grid)
    paint_tiles(context, task, prepared, executor, range(len(executor.grid)), totals)
    return totals


def paint_tiles(
    context: RenderContext,
    task: RenderTask,
    prepared: PreparedImage,
    executor: TileExecutor,
    tiles: Iterable[int],
    totals: Totals,
) -> int:
    """Render the tiles of these indexes into the canvas; returns how many. Raises `OutOfMemory`."""
    canvas = context.canvas(prepared, executor.grid)
    effects = prepared.effects
    visible, blend = [], effects.tile_blend(prepared.task_of(task))
    for tile in (executor.grid[index] for index in tiles):
        if effects.shows(tile.reach):
            visible.append(tile)
        else:
            canvas.skip(tile)
    with memory_errors(prepared.core_px):
        return sum(1 for _ in render_tiles(executor, canvas, visible, totals, blend=blend))


def borrowed_totals(context: RenderContext, task: RenderTask, prepared: PreparedImage) -> Totals | None:
    """Totals that do not come from the image's own tiles, or None when they do (`exact`)."""
    task = prepared.task_of(task)
    if task.statistics is Statistics.THUMBNAIL:
        return thumbnail_totals(context.engine(task), prepared.painting.pixels)
    if task.statistics is Statistics.REFERENCE and task.reference:
        return _totals_of_reference(context, task)
    return None


def aside(context: RenderContext) -> PaintAside:
    """Paints an image whole, in this process, for an effect of another; returns its canvas, 16 bits."""
    return partial(_paint_aside, context)


def optimization_of(context: RenderContext, task: RenderTask, prepared: PreparedImage) -> Optimization:
    """The optimisation of a prepared image: the same on every process."""
    resources = setup.OptimizationResources(
        context.sandbox, context.settings.memory_bytes, pick_device(task.device), context.tick
    )
    folder = prepared.folder / "optimisation"
    return setup.create_optimization(task, prepared.painting, folder, resources)


def write_to_canvas(
    context: RenderContext, task: RenderTask, prepared: PreparedImage, work: Optimization
) -> None:
    """Put the image of a finished optimisation on the canvas."""
    grid, image = context.grid(task, prepared), work.finished_picture(len(work.scales) - 1)
    canvas, blend = context.canvas(prepared, grid), prepared.effects.tile_blend(prepared.task_of(task))
    setup.write_to_canvas(image, canvas, grid, prepared.painting.pixels, blend=blend)


def _optimize(context: RenderContext, task: RenderTask, prepared: PreparedImage) -> None:
    """Style by optimisation, in this process, from the last checkpoint on."""
    work = optimization_of(context, task, prepared)
    settings = context.settings
    with memory_errors(work.core_px):
        for progress in optimize(
            work, tick=context.tick, keep_every_s=settings.keep_every_s, lanes=settings.lanes
        ):
            context.watch(progress)
    write_to_canvas(context, task, prepared, work)


def _totals_of_reference(context: RenderContext, task: RenderTask) -> Totals:
    """Computed once for all images of this session that borrow them: they have one mapping."""
    folder, key = context.settings.scratch / "totals", totals_key(task)
    with context.styled_images.build_lock(f"totals-{key}", context.tick):
        totals = kept_totals(folder, key)
        if totals is not None:
            return totals
        with context.folder() as scratch:
            # With the brush, so that both are painted at one scale; without masks, which are not its own.
            plain = bare(reference_task(task)).model_copy(update={"brush": task.brush})
            reference = prepare(context, plain, scratch, paint_aside=aside(context))
            executor = context.executor(task, reference)
            return keep_totals(folder, key, exact_totals(executor, executor.grid))


def _paint_aside(
    context: RenderContext, task: RenderTask, image: DecodedImage, folder: Path, effects: Effects
) -> Path:
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir(parents=True)
    prepared = lay_out(context, task, image, folder, effects, Depth.UINT16)
    paint_whole(context, task, prepared)
    context.canvas(prepared, context.grid(task, prepared)).finish()
    forget_tiles(folder)
    return prepared.canvas_path
