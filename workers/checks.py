"""Quality checks of one output: what is measured, and the sentence for each bound it does not keep."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from giornata.jobs.task import TaskChecks
from giornata.workers.bands import bands
from giornata.workers.mapped import give_back
from giornata.workers.picture import to_float
from giornata.workers.quality import BESIDE_PX
from giornata.workers.similarity import similarity
from giornata.workers.tiles import TileGrid

Samples = NDArray[Any]


class Measures(BaseModel):
    """What a styled picture measures: `seam` in 1/255, `clipping` and `ssim` as shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seam: float
    clipping: float
    ssim: float


def measure(styled: Samples, source: Samples, grid: TileGrid) -> Measures:
    """Measures of a whole styled picture beside its source; both uint8 or uint16, H x W x 3, memory maps."""
    return Measures(
        seam=round(seam_without_reference(styled, source, grid), 3),
        clipping=round(max(0.0, clipped_share(styled) - clipped_share(source)), 5),
        ssim=round(similarity(styled, source), 4),
    )


def seam_without_reference(styled: Samples, source: Samples, grid: TileGrid) -> float:
    """By how much the jump across a core border exceeds all those beside it, at the worst border, in 1/255.

    As `seam_step`, but with the source for the motif, since nobody rendered the picture untiled. Strokes fall
    anywhere, a seam always in the same place: over the length of a border they cancel and it does not.
    """
    steps = [
        _excess(styled, source, axis, cut)
        for axis, cuts, length in ((0, grid.rows, grid.height), (1, grid.columns, grid.width))
        for cut in cuts[1:-1]
        if BESIDE_PX < cut < length - BESIDE_PX
    ]
    give_back(styled, source)
    return max(0.0, *steps) if steps else 0.0


def _excess(styled: Samples, source: Samples, axis: int, cut: int) -> float:
    """The mean jump across one border, less the largest of the jumps on both sides of it."""
    near = slice(cut - BESIDE_PX - 1, cut + BESIDE_PX + 1)
    where = (near, slice(None)) if axis == 0 else (slice(None), near)
    difference = to_float(np.asarray(styled[where])) - to_float(np.asarray(source[where]))
    jumps = np.abs(np.diff(difference, axis=axis)).mean(axis=(1 - axis, 2))
    beside = np.delete(jumps, BESIDE_PX)
    return 255 * float(jumps[BESIDE_PX] - beside.max())


def clipped_share(picture: Samples) -> float:
    """The share of samples that are at either end of their range."""
    top, count = np.iinfo(picture.dtype).max, 0
    for band in bands(*picture.shape[:2]):
        rows = np.asarray(picture[band])
        count += int(np.count_nonzero((rows == 0) | (rows == top)))
    give_back(picture)
    return count / picture.size


def complaints(checks: TaskChecks, measures: Measures) -> Iterator[str]:
    """A sentence for each bound that a styled picture does not keep."""
    if checks.seam is not None and measures.seam > checks.seam:
        yield f"a seam of {measures.seam:g} of 255 shows at a tile's border, allowed {checks.seam:g}"
    if checks.clipping is not None and measures.clipping > checks.clipping:
        more = f"{measures.clipping:.1%} more of it than of the source"
        yield f"{more} is clipped, allowed {checks.clipping:.1%}"
    if checks.ssim is not None and measures.ssim < checks.ssim:
        yield f"its similarity to the source is {measures.ssim:.3f}, needed {checks.ssim:g}"
