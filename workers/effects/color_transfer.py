"""Colour preservation: giving a styled picture the source's colours back, or a style picture a source's.

Statistics are exact integer sums over whole pictures, gathered band by band, so that tiles, lanes, workers
and memory never change a result; what they say is then a function of one pixel.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giornata.jobs.spec.enums import PreserveColour, listed
from giornata.workers.errors import EffectRefused
from giornata.workers.tiling.arrays import Rows, bands, release_pages, to_float

Samples = NDArray[Any]
Recolour = Callable[[Rows, Rows], Rows]  # styled rows, the source's rows -> rows, float32 0..1

LEVELS = 1 << 16  # statistics count 16-bit samples; 8-bit ones fill every 257th level
FLAT = 1e-7  # variance below which a direction carries no colour: a tenth of an 8-bit step
# Linear sRGB to XYZ over its D65 white (IEC 61966-2-1), so that every row sums to one.
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
TO_XYZ /= TO_XYZ.sum(axis=1, keepdims=True)
FROM_XYZ = np.linalg.inv(TO_XYZ)
KNEE = 6 / 29  # where CIELAB's cube root becomes a line (CIE 15:2004)


class Root(StrEnum):
    """The two square roots of a covariance that Gatys et al. 2016 compare."""

    SYMMETRIC = "symmetric"
    CHOLESKY = "cholesky"


def match_colours(
    picture: Samples, like: Samples, how: PreserveColour, *, root: Root = Root.SYMMETRIC
) -> Rows:
    """`picture` with the colours of `like`: float32, H x W x 3, 0..1.

    Both uint8, uint16 or float32 0..1, H x W x 3. After styling, `picture` is the result and `like` its
    source; before styling, `picture` is the style's and `like` the content: Gatys et al. 2016, "Preserving
    Color in Neural Artistic Style Transfer". `luminance` needs two pictures of one size.
    Raises `EffectRefused`.
    """
    if how is PreserveColour.LUMINANCE and picture.shape != like.shape:
        sizes = f"{picture.shape[1]}×{picture.shape[0]} and {like.shape[1]}×{like.shape[0]} px"
        raise EffectRefused("keeping colours by luminance", sizes, "two pictures of one size")
    recolour = recolouring(picture, like, how, root=root)
    result = np.empty(picture.shape, np.float32)
    for band in bands(*picture.shape[:2]):
        result[band] = recolour(to_float(picture[band]), to_float(like[band]))
    return result


def recolouring(
    styled: Samples, source: Samples, how: PreserveColour, *, root: Root = Root.SYMMETRIC
) -> Recolour:
    """The change of a pixel by the statistics of both whole pictures, which are read once."""
    match how:
        case PreserveColour.NONE:
            return lambda rows, _: rows
        case PreserveColour.LUMINANCE:
            return styled_luminance
        case PreserveColour.HISTOGRAM:
            return by_histogram(histograms(styled), histograms(source), like_depth=source.dtype)
        case PreserveColour.COVARIANCE:
            return by_covariance(ColourSums.of(styled), ColourSums.of(source), root=root)
    raise EffectRefused("keeping colours", str(how), f"one of {listed(PreserveColour)}")


def styled_luminance(styled: Rows, source: Rows) -> Rows:
    """The styled lightness with the source's hue and chroma: float32 0..1 both, and out.

    In CIELAB and not in YIQ as in Gatys et al. 2016: where a style is much lighter or darker than its source,
    YIQ turns orange into pink and CIELAB leaves it orange. Colours beyond sRGB are clipped. Grey sources give
    exactly grey results.
    """
    lightness = _cube_root(_xyz(_linear(styled), 1))
    colour = _linear(source)
    roots = [_cube_root(_xyz(colour, row)) for row in range(3)]
    xyz = [_cube(lightness + (root - roots[1])) for root in roots]
    # Differences from Y vanish exactly for greys, whatever the rounding of the matrix.
    off_x, off_z = xyz[0] - xyz[1], xyz[2] - xyz[1]
    linear = [xyz[1] + np.float32(row[0]) * off_x + np.float32(row[2]) * off_z for row in FROM_XYZ]
    return _encoded(np.clip(np.stack(linear, axis=2), 0, 1))


def _linear(rows: Rows) -> Rows:
    """Working sRGB -> linear light."""
    low = rows <= np.float32(0.04045)
    return np.where(low, rows / np.float32(12.92), ((rows + np.float32(0.055)) / np.float32(1.055)) ** 2.4)


def _encoded(linear: Rows) -> Rows:
    """Linear light -> working sRGB, clipped to 0..1."""
    low = linear <= np.float32(0.0031308)
    curve = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.clip(np.where(low, linear * np.float32(12.92), curve), 0, 1)


def _xyz(linear: Rows, row: int) -> Rows:
    """X, Y or Z over white; greys give their own value exactly."""
    red, green, blue = (linear[:, :, channel] for channel in range(3))
    weights = TO_XYZ[row].astype(np.float32)
    return green + weights[0] * (red - green) + weights[2] * (blue - green)


def _cube_root(value: Rows) -> Rows:
    line = value / np.float32(3 * KNEE**2) + np.float32(4 / 29)
    return np.where(value > np.float32(KNEE**3), np.cbrt(value), line)


def _cube(root: Rows) -> Rows:
    line = np.float32(3 * KNEE**2) * (root - np.float32(4 / 29))
    return np.where(root > np.float32(KNEE), root * root * root, line)


def sixteen_bit(samples: Samples) -> NDArray[np.uint16]:
    """Samples of any depth on the 16-bit scale; integers exactly."""
    if samples.dtype == np.uint8:
        return samples.astype(np.uint16) * np.uint16(257)
    if samples.dtype == np.uint16:
        return samples
    return np.rint(np.clip(samples, 0, 1) * np.float32(LEVELS - 1)).astype(np.uint16)


def histograms(picture: Samples) -> NDArray[np.int64]:
    """How often each 16-bit level occurs in each channel: int64, 3 x 65536; exact."""
    counts = np.zeros((3, LEVELS), np.int64)
    for band in bands(*picture.shape[:2]):
        levels = sixteen_bit(np.asarray(picture[band]))
        for channel in range(3):
            counts[channel] += np.bincount(levels[:, :, channel].reshape(-1), minlength=LEVELS)
        release_pages(picture)
    return counts


def by_histogram(
    styled: NDArray[np.int64], target: NDArray[np.int64], *, like_depth: np.dtype[Any]
) -> Recolour:
    """Each channel moved so that its cumulative distribution becomes that of `target`.

    A level stands for the interval that was rounded to it, evenly filled: 8-bit sources leave no bands in a
    16-bit result, and a picture matched to itself stays as it is.
    """
    half = 0.5 / 255 if like_depth == np.uint8 else 0.5 / (LEVELS - 1)
    curves = [_level_curve(styled[c], target[c], half=half).astype(np.float32) for c in range(3)]

    def recolour(rows: Rows, _: Rows) -> Rows:
        levels = sixteen_bit(rows)
        return np.stack([curves[c][levels[:, :, c]] for c in range(3)], axis=2)

    return recolour


def _level_curve(styled: NDArray[np.int64], target: NDArray[np.int64], *, half: float) -> NDArray[np.float64]:
    """New values of the 65536 levels: float64 0..1, never falling."""
    below = np.cumsum(styled) - styled
    middles = (below + styled / 2) / styled.sum()
    used = np.flatnonzero(target)
    upto = np.cumsum(target[used]) / target.sum()
    shares = np.stack([np.concatenate([[0.0], upto[:-1]]), upto], axis=1).reshape(-1)
    values = (used / (LEVELS - 1))[:, None] + np.array([-half, half])
    return np.clip(np.interp(middles, shares, values.reshape(-1)), 0, 1)


class ColourSums:
    """Mean and covariance of a picture's colours, from exact integer sums: float64, 3 and 3 x 3."""

    def __init__(self, count: int, sums: list[int], products: list[list[int]]) -> None:
        scale = LEVELS - 1
        self.mean = np.array([total / count for total in sums]) / scale
        # The difference is taken between integers: nothing cancels.
        self.covariance = np.array(
            [
                [(count * products[i][j] - sums[i] * sums[j]) / (count * count) for j in range(3)]
                for i in range(3)
            ]
        ) / (scale * scale)

    @classmethod
    def of(cls, picture: Samples) -> "ColourSums":
        """The sums of a whole picture."""
        count, sums, products = 0, [0, 0, 0], [[0, 0, 0] for _ in range(3)]
        for band in bands(*picture.shape[:2]):
            # A band's products stay below 2^53, where float64 is exact in any order.
            levels = sixteen_bit(np.asarray(picture[band])).reshape(-1, 3).astype(np.float64)
            squares = levels.T @ levels
            count += len(levels)
            for i in range(3):
                sums[i] += int(levels[:, i].sum())
                products[i] = [held + int(new) for held, new in zip(products[i], squares[i], strict=True)]
            release_pages(picture)
        return cls(count, sums, products)


def by_covariance(styled: ColourSums, target: ColourSums, *, root: Root = Root.SYMMETRIC) -> Recolour:
    """The linear map of colours to the mean and covariance of `target`; beyond 0..1 it is clipped.

    The symmetric root is that of Image Analogies (Hertzmann et al. 2001), which Gatys et al. 2016 prefer.
    """
    if root is Root.SYMMETRIC:
        matrix = _symmetric_root(target.covariance) @ _symmetric_root(styled.covariance, inverse=True)
    else:
        matrix = _triangle(target.covariance) @ np.linalg.pinv(_triangle(styled.covariance), rcond=1e-4)
    offset = target.mean - matrix @ styled.mean
    rows_of, shift = matrix.astype(np.float32), offset.astype(np.float32)

    def recolour(rows: Rows, _: Rows) -> Rows:
        red, green, blue = (rows[:, :, c] for c in range(3))
        moved = [
            row[0] * red + row[1] * green + row[2] * blue + s for row, s in zip(rows_of, shift, strict=True)
        ]
        return np.clip(np.stack(moved, axis=2), 0, 1)

    return recolour


def _symmetric_root(covariance: NDArray[Any], *, inverse: bool = False) -> NDArray[Any]:
    """The symmetric square root, or that of the pseudo-inverse: directions without colour stay without."""
    values, vectors = np.linalg.eigh(covariance)
    roots = np.sqrt(np.clip(values, 0, None))
    if inverse:
        roots = np.where(values > FLAT, 1 / np.maximum(roots, FLAT), 0)
    root: NDArray[Any] = (vectors * roots) @ vectors.T
    return root


def _triangle(covariance: NDArray[Any]) -> NDArray[Any]:
    """The Cholesky factor; a trace of noise keeps grey pictures positive definite."""
    factor: NDArray[Any] = np.linalg.cholesky(covariance + FLAT * np.eye(3))
    return factor
