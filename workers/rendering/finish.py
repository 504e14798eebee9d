"""Finishes a painted canvas: strips blended, effects applied by rows in one fixed order, measured.

Brush detail, regions, colour preservation, brand colours, masks. Every step is a function of a pixel's
neighbourhood and of statistics of whole pictures: one canvas gives the same bytes whoever finishes it.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PreserveColour
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.effects.brush import Strokes, stroked
from giornata.workers.effects.color_transfer import recolouring
from giornata.workers.effects.effects import Effects, asked_effects, pixel_blend
from giornata.workers.effects.masks import composited
from giornata.workers.effects.palette import PaletteKeeper
from giornata.workers.effects.regions import as_rows, composed
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.paint import aside, paint_whole
from giornata.workers.rendering.prepare import with_effects
from giornata.workers.rendering.prepared import PaintedImage, PreparedImage, StyledImage
from giornata.workers.rendering.quality import BACK, ROUNDS, measure, picture_complaints, refuse
from giornata.workers.tiling.arrays import Rows, release_pages, silent, to_depth, to_float, written_rows

Samples = NDArray[Any]
RowsOf = Callable[[slice], Rows]
SIXTEEN = np.dtype(np.uint16)
FINISHED = "finished.npy"
CANVAS = "canvas.npy"


def apply_effects(
    task: RenderTask,
    decoded: DecodedImage,
    effects: Effects,
    canvas: Samples,
    *,
    folder: Path,
    tick: Callable[[], None] = silent,
) -> Samples:
    """The finished picture: uint8 or uint16 as the source, H x W x 3, working sRGB.

    `canvas` is the picture's own style, all tiles in it, as `effects` were prepared for. `folder` takes the
    result and intermediate files. With no effect asked for, the canvas is returned as it is. Asking
    again gives the same picture. `tick` is called after every band. Raises `ScratchFull`.
    """
    if not asked_effects(task):
        return canvas
    folder.mkdir(parents=True, exist_ok=True)
    source = decoded.pixels
    styled, painted = _painted(task, source, effects, canvas, folder, tick)
    recolour = recolouring(painted, source, task.preserve_colour)
    keeper = None if task.palette is None else PaletteKeeper(task.palette, source)
    weights = None if effects.weights is None else np.load(effects.weights, mmap_mode="r")

    def rows(band: slice) -> Samples:
        original = np.asarray(source[band])
        pixels = recolour(styled(band), to_float(original))
        pixels = pixels if keeper is None else keeper.held(band, pixels)
        release_pages(source, canvas, painted, weights)
        return (
            to_depth(pixels, source.dtype) if weights is None else composited(pixels, original, weights[band])
        )

    return written_rows(folder / FINISHED, source.shape, source.dtype, rows, tick=tick)


def finished_path(task: RenderTask, folder: Path) -> Path | None:
    """Where `apply_effects` leaves its picture; None where the canvas itself is the picture."""
    return folder / FINISHED if asked_effects(task) else None


def _painted(
    task: RenderTask,
    source: Samples,
    effects: Effects,
    canvas: Samples,
    folder: Path,
    tick: Callable[[], None],
) -> tuple[RowsOf, Samples]:
    """The painting before colours and masks, by rows; and as samples, where statistics will be taken."""
    own = _style_rows(canvas, effects.strokes, source, pixel_blend(task), folder / "own")
    if not effects.canvases:
        styled = own
    else:
        region_rows = [
            _style_rows(
                np.load(region.path, mmap_mode="r"),
                region.strokes,
                source,
                region.blend,
                folder / f"region-{n}",
            )
            for n, region in enumerate(effects.canvases, start=1)
        ]
        shares = [np.load(path, mmap_mode="r") for path in effects.shares]

        def styled(band: slice) -> Rows:
            return composed([own, *region_rows], shares, band)

    counted = task.preserve_colour in (PreserveColour.HISTOGRAM, PreserveColour.COVARIANCE)
    if counted and (effects.canvases or effects.strokes):
        # Read twice, so it is made once.
        samples = written_rows(
            folder / "painted.npy", source.shape, np.uint16, lambda b: to_depth(styled(b), SIXTEEN), tick=tick
        )
        return as_rows(samples), samples
    return styled, canvas


def _style_rows(
    canvas: Samples, strokes: Strokes | None, source: Samples, blend: float, folder: Path
) -> RowsOf:
    """One style's rows at the picture's size, mixed with the source by `blend` where tiles have not been."""
    if strokes is None:
        return as_rows(canvas)
    folder.mkdir(parents=True, exist_ok=True)
    rows = stroked(canvas, strokes, (source.shape[0], source.shape[1]), folder=folder)
    if blend >= 1:
        return rows
    share = np.float32(blend)
    return lambda band: share * rows(band) + (1 - share) * to_float(np.asarray(source[band]))


def finish(context: RenderContext, task: RenderTask, painted: PaintedImage) -> StyledImage:
    """Blend the strips, apply the effects, measure; paint an unfaithful picture again, weaker.

    Leaves the result to other outputs of the same image. Raises `IncompleteCanvas`, `EffectRefused`,
    `QualityRefused`.
    """
    styled = _finished(context, task, painted.prepared)
    for _ in range(ROUNDS):
        if not _is_too_far(task, styled):
            break
        styled = _finished(context, task, _weaker(context, task, styled.prepared))
    refuse(task.source, picture_complaints(task, styled.measures))
    if task.siblings > 1:
        _share(context, task, styled)
    return styled


def _finished(context: RenderContext, task: RenderTask, prepared: PreparedImage) -> StyledImage:
    task, decoded = prepared.task_of(task), prepared.decoded
    grid = context.grid(task, prepared)
    canvas = context.canvas(prepared, grid).finish()
    folder = prepared.folder / "finish"
    styled = apply_effects(task, decoded, prepared.effects, canvas, folder=folder, tick=context.tick)
    measures = None
    if task.checks is not None or task.min_ssim is not None:
        # Strokes of another size are painted on another grid, and resampled: no border of it is left.
        measures = measure(styled, decoded.pixels, None if prepared.effects.painting else grid)
    context.tick()
    path = finished_path(task, folder) or prepared.canvas_path
    return StyledImage(prepared=prepared, pixels_path=path, measures=measures)


def _weaker(context: RenderContext, task: RenderTask, prepared: PreparedImage) -> PreparedImage:
    """The image painted again, here, with less strength."""
    folder = Path(tempfile.mkdtemp(prefix="weaker-", dir=prepared.folder))
    strength = (prepared.strength or 0.0) * BACK
    weaker = with_effects(
        context, task, prepared.decoded, folder, strength=strength, paint_aside=aside(context)
    )
    paint_whole(context, task, weaker)
    return weaker.model_copy(update={"seconds": prepared.seconds})


def _share(context: RenderContext, task: RenderTask, styled: StyledImage) -> None:
    """Leave a styled image to its other outputs."""
    prepared = styled.prepared
    files = {CANVAS: styled.pixels_path, **prepared.decoded.files}

    def record(folder: Path) -> str:
        moved = {
            "folder": folder,
            "canvas_path": folder / CANVAS,
            "lasting": False,
            "effects": Effects(painting=prepared.effects.painting, warnings=prepared.effects.warnings),
            "decoded": prepared.decoded.moved(folder),
            "seconds": {},  # what styling took is told once, of the output it was done for
        }
        shared = StyledImage(
            prepared=prepared.model_copy(update=moved),
            pixels_path=folder / CANVAS,
            measures=styled.measures,
            shared=True,
        )
        return shared.model_dump_json()

    context.styled_images.keep(task.master_key(), files, record)


def _is_too_far(task: RenderTask, styled: StyledImage) -> bool:
    if task.min_ssim is None or styled.measures is None:
        return False
    return styled.measures.ssim < task.min_ssim
