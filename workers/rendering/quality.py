"""Quality of an output: SSIM, seams, clipping, the bounds on them, and the strength that keeps a bound."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.ndimage import gaussian_filter

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.values import TaskChecks
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.encoding.encode import Encoded
from giornata.workers.errors import EffectRefused, QualityRefused
from giornata.workers.formats.icc import profile_name
from giornata.workers.source import ProfileUse
from giornata.workers.tiling.arrays import bands, reduced, release_pages, releasing_pages, to_float
from giornata.workers.tiling.grid import TileGrid


class Measures(BaseModel):
    """What a styled picture measures: `seam` in 1/255, `clipping` and `ssim` as shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seam: float
    clipping: float
    ssim: float


Floats = NDArray[np.float32]
BESIDE_PX = 8  # on both sides of a border: the same motif, without the seam


def psnr_db(picture: Floats, expected: Floats) -> float:
    """Peak signal-to-noise ratio of two pictures 0..1 of the same shape, in dB; infinite when identical."""
    error = float(np.mean((picture.astype(np.float64) - expected.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def largest_difference(picture: Floats, expected: Floats) -> float:
    """The largest difference on any channel, in units of 1/255."""
    return float(np.abs(picture - expected).max()) * 255


def seam_step(picture: Floats, expected: Floats, grid: TileGrid) -> float:
    """How much more `picture` departs from `expected` in its jumps across core borders than beside them.

    Both float32, H x W x 3, 0..1; the result is in units of 1/255 and near zero when seams do not show. The
    jump of the whole render is subtracted first, so that an edge of the motif is not taken for a seam.
    """
    steps = []
    for axis, cuts, length in ((0, grid.rows, grid.height), (1, grid.columns, grid.width)):
        excess = np.abs(np.diff(picture - expected, axis=axis)).mean(axis=(1 - axis, 2))
        for border in (cut - 1 for cut in cuts[1:-1] if cut < length):
            beside = [*excess[border - BESIDE_PX : border], *excess[border + 1 : border + 1 + BESIDE_PX]]
            steps.append(float(excess[border] - np.mean(beside)))
    return 255 * float(np.mean(steps)) if steps else 0.0


COMPARED_PX = 1024  # long side at which pictures are compared, so that a number means the same at any size
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709, on gamma-encoded samples
WINDOW_DEVIATION_PX = 1.5  # the window of Wang et al. 2004: 11 px wide
TRUNCATE = 3.5
C1, C2 = 0.01**2, 0.03**2


def similarity(first: NDArray[Any], second: NDArray[Any]) -> float:
    """SSIM of two pictures of one shape, both shrunk to `COMPARED_PX`: 1 is the same, 0 nothing alike.

    uint8, uint16 or float32 0..1, H x W x 3, sRGB; memory maps are streamed.
    """
    with releasing_pages(first, second):
        small = [reduced(picture, COMPARED_PX) for picture in (first, second)]
    return ssim(small[0] @ LUMA, small[1] @ LUMA)


def ssim(first: Floats, second: Floats) -> float:
    """Mean structural similarity of two grey pictures 0..1, H x W (Wang et al. 2004)."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x, var_y = _windowed(x * x) - mean_x**2, _windowed(y * y) - mean_y**2
    both = _windowed(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    likeness /= (mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2)
    return float(likeness.mean())


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = gaussian_filter(
        values, WINDOW_DEVIATION_PX, truncate=TRUNCATE, mode="reflect"
    )
    return means


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
    release_pages(styled, source)
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
    release_pages(picture)
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


def output_complaints(checks: TaskChecks | None, encoded: Encoded, decoded: DecodedImage) -> Iterator[str]:
    """A sentence for each way in which a written file is not as its source."""
    facts = decoded.facts
    if checks and checks.size and (encoded.width, encoded.height) != (facts.width, facts.height):
        size = f"{encoded.width}×{encoded.height} px"
        yield f"got {size}, needed the source's {facts.width}×{facts.height} px"
    if checks and checks.profile and facts.profile is ProfileUse.UNUSABLE:
        yield "the source's colour profile is broken and could not be kept"
    elif checks and checks.profile and decoded.profile_path is not None:
        profile = profile_name(decoded.profile_path.read_bytes())
        if encoded.profile != profile:
            yield f"got the profile {encoded.profile or 'none'}, needed the source's: {profile}"


def refuse(source: str, complaints: Iterable[str], target: Path | None = None) -> None:
    """Raise `QualityRefused` when there are complaints, after removing the output at `target`."""
    reasons = tuple(complaints)
    if not reasons:
        return
    if target is not None and target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    elif target is not None:
        target.unlink(missing_ok=True)
    raise QualityRefused(source, reasons)


STEPS = 5  # halvings: the strength is found to a thirty-second
TRIAL_PX = 640  # long side of the copies that are tried
ROUNDS = 3  # times that a whole picture is rendered again when its copy promised too much
BACK = 0.8  # of the strength is left after each of them


def faithful_strength(
    similarity: Callable[[float], float], *, strength: float, floor: float
) -> tuple[float, float]:
    """The highest strength up to `strength` found to reach `floor`, and the similarity it reaches.

    `similarity` renders a trial at a strength and compares it. Raises `EffectRefused` when not even strength
    0 is close enough.
    """
    reached = similarity(strength)
    if reached >= floor:
        return strength, reached
    low, high = 0.0, strength
    best = similarity(low)
    if best < floor:
        actual = f"a similarity of {best:.3f} at strength 0"
        raise EffectRefused(f"keeping a similarity of {floor:g}", actual, "a lower one")
    for _ in range(STEPS):
        middle = (low + high) / 2
        reached = similarity(middle)
        if reached >= floor:
            low, best = middle, reached
        else:
            high = middle
    return low, best
