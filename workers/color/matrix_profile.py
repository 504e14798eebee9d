"""Converts between curve-and-matrix profiles in floats, exact to a few of 65535: libvips' own way is not.

libvips goes through 16-bit Lab and resampled tables: a round trip was measured up to 511 of 65535 off.
"""

from array import array
from functools import lru_cache

import pyvips

from giornata.workers.formats.icc import FULL, Curve, Row, Shaper
from giornata.workers.source import Depth

WHITE_WITHIN = 0.02  # how far a profile's white may lie from D50 before it is not understood here
GREY_CURVES = 1

Matrix = tuple[Row, Row, Row]


def convert(image: pyvips.Image, source: Shaper, target: Shaper, *, depth: Depth) -> pyvips.Image | None:
    """`image`, uchar or ushort in `source`, as `depth` samples in `target`; None when the two do not fit.

    Relative colorimetric: white stays white, greys stay grey; what `target` cannot show is clipped.
    """
    matrix = _matrix(source, target)
    if matrix is None:
        return None
    linear = image.maplut(_to_linear(source, codes=256 if image.format == "uchar" else FULL + 1))
    if len(source.curves) == GREY_CURVES and len(target.curves) > GREY_CURVES:
        linear = linear.bandjoin([linear, linear])
    elif len(source.curves) > GREY_CURVES:
        linear = linear.recomb([list(row) for row in matrix])
    return _coded(linear, target, depth)


def _coded(linear: pyvips.Image, target: Shaper, depth: Depth) -> pyvips.Image:
    """Linear light, float, as codes of `target`; what lies outside 0..1 is clipped."""
    # Roots spread the dark codes: 65536 steps of light itself would leave a few for the deepest shadows.
    roots = (linear.clamp(min=0, max=1) ** 0.5 * FULL).rint().cast("ushort")
    coded = roots.maplut(_from_roots(target, depth))
    return coded.copy(interpretation=_interpretation(target, depth))


def to_lab(image: pyvips.Image, source: Shaper) -> pyvips.Image:
    """`image`, uchar or ushort in the RGB space `source`, as CIELAB relative to D50: float, L 0..100."""
    codes = 256 if image.format == "uchar" else FULL + 1
    linear = image.maplut(_to_linear(source, codes=codes))
    xyz = linear.recomb([[100 * value for value in row] for row in _to_xyz(source)])
    return xyz.copy(interpretation="xyz").XYZ2Lab(temp=_white(source))


def from_lab(lab: pyvips.Image, target: Shaper, *, depth: Depth) -> pyvips.Image:
    """The inverse of `to_lab`, as `depth` samples; colours that `target` cannot show are clipped."""
    inverse = _inverted(_to_xyz(target))
    if inverse is None:
        raise ValueError("primaries that span no space")
    xyz = lab.Lab2XYZ(temp=_white(target))
    linear = xyz.recomb([[value / 100 for value in row] for row in inverse])
    return _coded(linear, target, depth)


def _to_xyz(shaper: Shaper) -> tuple[Row, ...]:
    return tuple(zip(*(shaper.columns or ()), strict=True))


def _white(shaper: Shaper) -> list[float]:
    """The space's own white, 0..100: D50 but for rounding, which would tint greys."""
    return [100 * sum(row) for row in _to_xyz(shaper)]


def _interpretation(target: Shaper, depth: Depth) -> str:
    if len(target.curves) == GREY_CURVES:
        return "b-w" if depth is Depth.UINT8 else "grey16"
    return "srgb" if depth is Depth.UINT8 else "rgb16"


@lru_cache(maxsize=8)
def _to_linear(shaper: Shaper, *, codes: int) -> pyvips.Image:
    step = FULL // (codes - 1)
    values = array("f", (curve[code * step] for code in range(codes) for curve in shaper.curves))
    return pyvips.Image.new_from_memory(values.tobytes(), codes, 1, len(shaper.curves), "float")


@lru_cache(maxsize=8)
def _from_roots(shaper: Shaper, depth: Depth) -> pyvips.Image:
    full = 255 if depth is Depth.UINT8 else FULL
    columns = [_inverse(curve) for curve in shaper.curves]
    kind = "B" if depth is Depth.UINT8 else "H"
    values = array(kind, (round(code * full) for row in zip(*columns, strict=True) for code in row))
    vips = "uchar" if depth is Depth.UINT8 else "ushort"
    return pyvips.Image.new_from_memory(values.tobytes(), FULL + 1, 1, len(shaper.curves), vips)


@lru_cache(maxsize=8)
def _inverse(curve: Curve) -> tuple[float, ...]:
    """For every root of light r/65535 the code 0..1 whose light is its square."""
    codes, low = [], 0
    for root in range(FULL + 1):
        light = (root / FULL) ** 2
        while low < FULL - 1 and curve[low + 1] < light:
            low += 1
        rise = curve[low + 1] - curve[low]
        part = (light - curve[low]) / rise if rise > 0 else 0.0
        codes.append((low + min(1.0, max(0.0, part))) / FULL)
    return tuple(codes)


def _matrix(source: Shaper, target: Shaper) -> Matrix | None:
    """From linear light of `source` to that of `target`, with rows that take white to exactly white."""
    if source.columns is None:
        return ((1.0, 0.0, 0.0),) * 3  # not used: one channel goes to all
    to_xyz = tuple(zip(*source.columns, strict=True))
    if target.columns is None:
        rows: tuple[Row, ...] = (to_xyz[1],)
    else:
        inverse = _inverted(tuple(zip(*target.columns, strict=True)))
        if inverse is None:
            return None
        rows = tuple(_times(row, to_xyz) for row in inverse)
    if any(abs(sum(row) - 1) > WHITE_WITHIN for row in rows):
        return None
    return tuple(tuple(value / sum(row) for value in row) for row in rows)  # type: ignore[return-value]


def _times(row: Row, matrix: tuple[Row, ...]) -> Row:
    x, y, z = (sum(row[k] * matrix[k][j] for k in range(3)) for j in range(3))
    return x, y, z


def _inverted(m: tuple[Row, ...]) -> Matrix | None:
    """By cofactors; None for primaries that span no space."""
    (a, b, c), (d, e, f), (g, h, i) = m
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < 1e-6:
        return None
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(value / determinant for value in row) for row in cofactors)  # type: ignore[return-value]
