"""Quality checks of one output: what is measured, and the sentence for each bound it does not keep."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.values import TaskChecks
from giornata.workers.bands import bands
from giornata.workers.encode import Encoded
from giornata.workers.errors import QualityRefused
from giornata.workers.icc import profile_name
from giornata.workers.mapped import give_back
from giornata.workers.measures import Measures
from giornata.workers.picture import to_float
from giornata.workers.quality import BESIDE_PX
from giornata.workers.similarity import similarity
from giornata.workers.source import ProfileUse
from giornata.workers.tiles import TileGrid
from giornata.workers.working import WorkingPicture

Samples = NDArray[Any]
SHORTEST_EDGE_PX = 32  # along fewer pixels strokes do not cancel


def measure(styled: Samples, source: Samples, grid: TileGrid | None) -> Measures:
    """Measures of a whole styled picture beside its source; both uint8 or uint16, H x W x 3, memory maps.

    `grid` is that of the picture's tiles, if it has borders to look at.
    """
    return Measures(
        seam=round(seam_without_reference(styled, source, grid), 3) if grid else 0.0,
        clipping=round(max(0.0, clipped_share(styled) - clipped_share(source)), 5),
        ssim=round(similarity(styled, source), 4),
    )


def seam_without_reference(styled: Samples, source: Samples, grid: TileGrid) -> float:
    """By how much the jump across one tile's edge exceeds all those beside it, at the worst edge, in 1/255.

    As `seam_step`, but with the source for the motif, since nobody rendered the picture untiled. Strokes fall
    anywhere, a seam always in the same place: along an edge they cancel and it does not. Tiles that differ in
    tone show in the mean of the jumps, broken strokes in the mean of their sizes.
    """
    sides = ((0, grid.rows, grid.columns, grid.height), (1, grid.columns, grid.rows, grid.width))
    worst = 0.0
    for axis, cuts, across, length in sides:
        for cut in cuts[1:-1]:
            if BESIDE_PX < cut < length - BESIDE_PX:
                worst = max(worst, _excess(_jumps(styled, source, axis, cut), across))
    give_back(styled, source)
    return worst


def _jumps(styled: Samples, source: Samples, axis: int, cut: int) -> Samples:
    """What the style added to the jumps across and beside one border, in 1/255: lines x length x 3."""
    near = slice(cut - BESIDE_PX - 1, cut + BESIDE_PX + 1)
    where = (near, slice(None)) if axis == 0 else (slice(None), near)
    difference = to_float(np.asarray(styled[where])) - to_float(np.asarray(source[where]))
    jumps = np.diff(difference, axis=axis) * np.float32(255)
    return jumps if axis == 0 else jumps.swapaxes(0, 1)


def _excess(jumps: Samples, cuts: Sequence[int]) -> float:
    """The most by which the border's line exceeds the lines beside it, along one tile."""
    worst = 0.0
    for first, last in pairwise(cuts):
        edge = jumps[:, first : min(last, jumps.shape[1])]
        if edge.shape[1] >= SHORTEST_EDGE_PX:
            for means in (np.abs(edge.mean(axis=1)).max(axis=1), np.abs(edge).mean(axis=(1, 2))):
                worst = max(worst, float(means[BESIDE_PX] - np.delete(means, BESIDE_PX).max()))
    return worst


def clipped_share(picture: Samples) -> float:
    """The share of samples that are at either end of their range."""
    top, count = np.iinfo(picture.dtype).max, 0
    for band in bands(*picture.shape[:2]):
        rows = np.asarray(picture[band])
        count += int(np.count_nonzero((rows == 0) | (rows == top)))
    give_back(picture)
    return count / picture.size


def picture_complaints(task: RenderTask, measures: Measures | None) -> Iterator[str]:
    """A sentence for each bound that a styled picture does not keep."""
    if measures is None:
        return
    checks = task.checks or TaskChecks()
    if checks.seam is not None and measures.seam > checks.seam:
        yield f"a seam of {measures.seam:g} of 255 shows at a tile's border, allowed {checks.seam:g}"
    if checks.clipping is not None and measures.clipping > checks.clipping:
        more = f"{measures.clipping:.1%} more of it than of the source"
        yield f"{more} is clipped, allowed {checks.clipping:.1%}"
    floor = max(checks.ssim or 0.0, task.min_ssim or 0.0)
    if measures.ssim < floor:
        yield f"its similarity to the source is {measures.ssim:.3f}, needed {floor:g}"


def output_complaints(checks: TaskChecks | None, encoded: Encoded, working: WorkingPicture) -> Iterator[str]:
    """A sentence for each way in which a written file is not as its source."""
    facts = working.facts
    if checks and checks.size and (encoded.width, encoded.height) != (facts.width, facts.height):
        got = f"{encoded.width}×{encoded.height} px"
        yield f"got {got}, needed the source's {facts.width}×{facts.height} px"
    if checks and checks.profile and facts.profile is ProfileUse.UNUSABLE:
        yield "the source's colour profile is broken and could not be kept"
    elif checks and checks.profile and working.profile_path is not None:
        wanted = profile_name(working.profile_path.read_bytes())
        if encoded.profile != wanted:
            yield f"got the profile {encoded.profile or 'none'}, needed the source's: {wanted}"


def refuse(source: str, complaints: Iterable[str], target: Path | None = None) -> None:
    """Raise `QualityRefused` when there are any, after removing what was written at `target`."""
    found = tuple(complaints)
    if not found:
        return
    if target is not None and target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    elif target is not None:
        target.unlink(missing_ok=True)
    raise QualityRefused(source, found)
