"""Brush size: strokes as wide as somebody wants them, in a picture of any size.

A network paints strokes of its own width in px. So it paints the picture made smaller (or larger) until that
width is the wanted one, and the result is brought back to size. That coarse pass fixes the composition. Where
it had to be enlarged it would look blurred: the fine pass paints the enlarged painting once more at full
size, and what lies above the coarse pass's finest waves is added. So strokes have edges and texture, and a
poster and a postcard of one picture look alike.

How wide the strokes are that a style paints by itself: measured, not chosen.

A network paints strokes of a fixed number of pixels, whatever the picture's size. They are found by comparing
what goes in and comes out at every scale, on a picture that has no scale of its own.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.values import Brush, BrushUnit
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.effects.crop import Kernel, Resampler, to_show
from giornata.workers.encoding.encode import target_size
from giornata.workers.errors import EffectRefused
from giornata.workers.source import Depth
from giornata.workers.tiling.arrays import Rows, create_array, release_pages, to_depth, to_float, written_rows

MM_PER_INCH = 25.4
AS_IT_IS = 0.02  # a change of scale below this many octaves is not worth a resampling
LARGEST_SCALE = 4.0  # finer strokes than this cost sixteen times the pixels
SMALLEST_SIDE_PX = 32  # below this a network has nothing to paint
STEP_PX = 8  # of a coarse side: two sizes of one picture, a rounded row apart, are painted at the same one
DETAIL_WORTH = 0.05  # a fine pass that counts less than this is left out

Size = tuple[int, int]  # height, width in px
Paint = Callable[[DecodedImage, Path], Path]  # a picture, its own folder -> the finished canvas, uint16


class Strokes(BaseModel):
    """Sizes of one style's strokes, in the record of the picture's preparation.

    `coarse_path` is the finished coarse pass, of `height` x `width` px, when the canvas is a fine pass over
    it that counts by `detail`; without one, the canvas itself has that size.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    native_px: float
    painted_px: float  # in the working picture
    height: int
    width: int
    coarse_path: Path | None = None
    detail: float = 0.0
    warnings: tuple[str, ...] = ()


def wanted_px(task: RenderTask, brush: Brush, working: DecodedImage) -> float:
    """The wanted stroke in px of the working picture, which delivery may still crop and resize.

    A relative one is a share of the working picture's long side, so that all outputs of a picture share it.
    Raises `EffectRefused` for millimetres without a resolution.
    """
    match brush.unit:
        case BrushUnit.RELATIVE:
            return brush.value * max(working.width, working.height)
        case BrushUnit.PX:
            return brush.value / delivered_scale(task, working)
        case BrushUnit.MM:
            dpi = working.facts.dpi
            if dpi is None:
                needed = "a picture that says its DPI, or a brush in px or as a share of the long side"
                raise EffectRefused("sizing strokes", f"{brush.value:g} mm and no resolution", needed)
            px = brush.value / MM_PER_INCH * math.sqrt(dpi[0] * dpi[1])
            return px / delivered_scale(task, working)


def delivered_scale(task: RenderTask, working: DecodedImage) -> float:
    """Delivered px per px of the working picture."""
    box, shown = to_show((working.width, working.height), task.crop)
    width, height = (working.width, working.height) if box is None else (box.width, box.height)
    size = shown or target_size(width=width, height=height, requested=task.size)
    return max(size[0] / width, size[1] / height)


def scale_for(native_px: float, wanted_px: float, size: Size) -> float:
    """Scale at which the engine must see the picture, within the limits worth painting."""
    smallest = min(1.0, SMALLEST_SIDE_PX / min(size))
    return min(max(native_px / wanted_px, smallest), LARGEST_SCALE)


def detail_share(scale: float) -> float:
    """Weight of the fine pass: 1 from half size down, 0 at full size, no jump between."""
    return min(1.0, max(0.0, -math.log2(scale)))


def sized_strokes(
    working: DecodedImage, folder: Path, *, native_px: float, wanted_px: float, paint: Paint
) -> tuple[DecodedImage, Strokes] | None:
    """The picture that an engine must paint for strokes of `wanted_px`, and the record of the strokes.

    `folder` takes the files; `paint` paints the coarse pass. None: the picture as it is has such strokes.
    Raises `ScratchFull` and what `paint` raises.
    """
    size = (working.height, working.width)
    scale = scale_for(native_px, wanted_px, size)
    if abs(math.log2(scale)) < AS_IT_IS:
        return None
    painted = native_px / scale
    warnings = () if math.isclose(painted, wanted_px, rel_tol=1e-6) else (_bounded(wanted_px, painted),)
    height, width = (STEP_PX * max(1, round(side * scale / STEP_PX)) for side in size)
    folder.mkdir(parents=True, exist_ok=True)
    coarse = _resampled(working, (height, width), folder / "coarse.npy", Kernel.LANCZOS)
    strokes = Strokes(native_px=native_px, painted_px=painted, height=height, width=width, warnings=warnings)
    if detail_share(scale) < DETAIL_WORTH:
        return coarse, strokes
    canvas_path = paint(coarse, folder / "coarse")
    enlarged = coarse.model_copy(update={"pixels_path": canvas_path})
    fine = _resampled(enlarged, size, folder / "enlarged.npy", Kernel.MITCHELL)
    return fine, strokes.model_copy(update={"coarse_path": canvas_path, "detail": detail_share(scale)})


def _bounded(requested: float, painted: float) -> str:
    end = "finest" if painted > requested else "broadest"
    return (
        f"strokes of {requested:.3g} px were asked for; {painted:.3g} px are the {end} this picture can have"
    )


def _resampled(working: DecodedImage, size: Size, path: Path, kernel: Kernel) -> DecodedImage:
    """The picture at another size, 16 bits a sample, in the file `path`."""
    source = working.pixels
    resampler = Resampler((working.height, working.width), size, kernel)
    pixels = create_array(path, (*size, 3), np.uint16)
    for band in resampler.bands():
        pixels[band] = to_depth(resampler.rows(source, band), pixels.dtype)
        release_pages(pixels, source)
    pixels.flush()
    changed = {"pixels_path": path, "height": size[0], "width": size[1], "depth": Depth.UINT16}
    return working.model_copy(update=changed)


def stroked(canvas: NDArray[Any], strokes: Strokes, size: Size, *, folder: Path) -> Callable[[slice], Rows]:
    """Rows of the picture of `size` from the `canvas` of a sized style: float32, rows x W x 3, 0..1.

    `folder` takes a file of the coarse size. What a row becomes depends on nothing but the two passes.
    """
    coarse_size = (strokes.height, strokes.width)
    if strokes.coarse_path is None:
        kernel = Kernel.MITCHELL if coarse_size[0] < size[0] else Kernel.LANCZOS
        resampler = Resampler(coarse_size, size, kernel)
        return lambda band: np.clip(resampler.rows(canvas, band), 0, 1)
    coarse, detail = np.load(strokes.coarse_path, mmap_mode="r"), np.float32(strokes.detail)
    shrink = Resampler(size, coarse_size, Kernel.LANCZOS)
    enlarge = Resampler(coarse_size, size, Kernel.MITCHELL)

    def rest(band: slice) -> Rows:
        low = shrink.rows(canvas, band)
        release_pages(canvas)
        return to_float(np.asarray(coarse[band])) - detail * low

    # coarse + detail · (fine - low), with one enlargement for both.
    below = written_rows(folder / "below.npy", (*coarse_size, 3), np.float32, rest)
    return lambda band: np.clip(enlarge.rows(below, band) + detail * to_float(np.asarray(canvas[band])), 0, 1)
