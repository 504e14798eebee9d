"""What goes wrong in styled images and no likeness measure sees: dots, holes, seams, blobs on empty ground.

Images are float32, H x W x 3, sRGB 0..1, `photo` and `output` of one shape.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from giornata.styles.evaluation.metrics import Image, Mask, Plane, check_shapes, luma

PERIODS_PX = (2, 4)  # of the strides that networks sample down and up by
PEAK_RADIUS = 2  # bins around a frequency: the main lobe of the window
LEAST_POWER = (
    1e-9  # of the photograph's, of 1 for full contrast: a photograph without any would divide by zero
)
BLACK = 8 / 255
NEAR_BLACK = 32 / 255  # what the photograph or its palette-only version may be black near to
HOLE_PX = 12  # across: a hole is no outline
CALM_SIGMA_PX = 4.0
CALM_DEVIATION = 2.5 / 255  # of luma, of the photograph, within that window
CLIPPED = 0.5 / 255
LEVELS = 255  # what "levels" in the measures below are counted in


def dots(photo: Image, output: Image) -> float:
    """Power of luma at periods of 2 and 4 px, along and across, over the photograph's: 1 is none added.

    Networks that step by 2 and 4 px leave grids of these periods (Odena et al. 2016). Only what keeps its
    phase over the whole image counts, so that fine strokes do not. Raises `BadEvaluation` for unequal shapes.
    """
    check_shapes(photo, output)
    return _grid_power(luma(output)) / max(_grid_power(luma(photo)), LEAST_POWER)


def _grid_power(plane: Plane) -> float:
    """Mean square of the part of `plane` that repeats every 2 or 4 px, the mean left out."""
    step = max(PERIODS_PX)
    height, width = (max(step, side - side % step) for side in plane.shape)
    part = plane[:height, :width]
    window = np.hanning(part.shape[0])[:, None] * np.hanning(part.shape[1])
    power = np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2 / max(window.sum() ** 2, 1e-12)
    rows, columns = (_near_peaks(side, step) for side in part.shape)
    grid = rows[:, None] & columns
    reach = PEAK_RADIUS + 1
    low = np.ix_(*(np.arange(-reach, reach + 1) % side for side in part.shape))
    grid[low] = False  # what does not repeat at all
    return float(power[grid].sum())


def _near_peaks(side: int, step: int) -> Mask:
    """Bins within `PEAK_RADIUS` of a multiple of side/step."""
    bins = np.arange(side) % (side // step)
    return np.asarray(np.minimum(bins, side // step - bins) <= PEAK_RADIUS)


def holes(photo: Image, palette: Image, output: Image) -> float:
    """Share of pixels, 0..1, in near-black blobs that neither photograph nor palette accounts for.

    A pixel counts when all its channels are below `BLACK` where those of `photo` and of `palette`
    (`palette_only` of both) reach `NEAR_BLACK`, in a blob that a disc of `HOLE_PX` fits into: outlines
    do not count. Raises `BadEvaluation` for unequal shapes.
    """
    check_shapes(photo, output)
    check_shapes(photo, palette)
    lit = (photo.max(2) >= NEAR_BLACK) & (palette.max(2) >= NEAR_BLACK)
    dark = (output.max(2) < BLACK) & lit
    if not dark.any():
        return 0.0
    framed = np.pad(dark, 1)  # beyond the border nothing is dark
    depth = ndimage.distance_transform_edt(framed)[1:-1, 1:-1]
    labels, count = ndimage.label(dark)
    deepest = np.asarray(ndimage.maximum(depth, labels, np.arange(1, count + 1)))
    large = np.flatnonzero(2 * deepest >= HOLE_PX) + 1
    return float(np.isin(labels, large).mean())


def clipped(output: Image) -> float:
    """Share of samples, 0..1, at either end of their range: colours that have run out."""
    return float(((output <= CLIPPED) | (output >= 1 - CLIPPED)).mean())


def calm_ground(photo: Image) -> Mask:
    """Where the photograph is empty, such as sky: H x W, true where luma's local deviation is small."""
    return np.asarray(_local_deviation(luma(photo)) < CALM_DEVIATION)


def unrest(photo: Image, output: Image) -> float | None:
    """How much more luma varies within some 10 px on calm ground than it did, in levels of 255.

    None where the photograph has no calm ground (less than a thousandth of it). Raises `BadEvaluation` for
    unequal shapes.
    """
    check_shapes(photo, output)
    calm = calm_ground(photo)
    if calm.mean() < 1e-3:
        return None
    change = _local_deviation(luma(output)) - _local_deviation(luma(photo))
    return LEVELS * float(change[calm].mean())


def _local_deviation(plane: Plane) -> Plane:
    mean = ndimage.gaussian_filter(plane, CALM_SIGMA_PX, mode="reflect")
    square = ndimage.gaussian_filter(plane * plane, CALM_SIGMA_PX, mode="reflect")
    return np.sqrt(np.maximum(square - mean * mean, 0))


def seam_step(whole: Image, tiled: Image, *, rows: Sequence[int], columns: Sequence[int]) -> float:
    """The step that tiling put across its seams: mean absolute, of luma, in levels of 255; 0 is no seam.

    `whole` is the image painted in one piece, `tiled` the same in tiles; `rows` and `columns` are the first
    px after each seam, from 1 on. Steps of the difference of both are measured, so that the image's own lines
    do not count. 0 where there are no seams. Raises `BadEvaluation` for unequal shapes.
    """
    check_shapes(whole, tiled)
    change = luma(tiled) - luma(whole)
    steps = [
        float(np.abs(lines[at] - lines[at - 1]).mean())
        for lines, seams in ((change, rows), (change.T, columns))
        for at in seams
    ]
    return LEVELS * float(np.mean(steps)) if steps else 0.0
