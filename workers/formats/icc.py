"""Reads ICC profiles that are made of curves and a matrix (ICC.1:2022, 9.2); lookup tables are not read here.

Free of numpy: the decoding process imports this.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

FULL = 65535
MOST_TAGS = 100
LOOKUP_TAGS = (b"A2B0", b"A2B1", b"D2B0", b"D2B1")  # profiles that have these mean these
COLOUR_TAGS = ((b"rXYZ", b"rTRC"), (b"gXYZ", b"gTRC"), (b"bXYZ", b"bTRC"))
UNNAMED, NAME_LETTERS = "unnamed", 100
FIXED = 65536  # s15Fixed16Number
PARAMETERS = (1, 3, 4, 5, 7)  # of the parametric curves 0..4 (ICC.1:2022, table 67)

Curve = tuple[float, ...]  # 65536 values 0..1 that never fall: the linear light of each 16-bit code
Row = tuple[float, float, float]


@dataclass(frozen=True, eq=False)  # told apart by identity: the numbers are too many to compare
class Shaper:
    """A profile as curves and a matrix: one curve and no columns for grey, three of each for RGB.

    `columns` are the XYZ of the three primaries at full drive, relative to D50.
    """

    curves: tuple[Curve, ...]
    columns: tuple[Row, Row, Row] | None


@lru_cache(maxsize=8)
def read_shaper(profile: bytes) -> Shaper | None:
    """The curves and the matrix of `profile`, or None when it is not of that kind, or broken."""
    try:
        tags = dict(_tags(profile))
        if profile[20:24] != b"XYZ " or any(name in tags for name in LOOKUP_TAGS):
            return None
        if profile[16:20] == b"GRAY":
            return Shaper((_curve(tags[b"kTRC"]),), None)
        if profile[16:20] != b"RGB ":
            return None
        columns = tuple(_xyz(tags[column]) for column, _ in COLOUR_TAGS)
        curves = tuple(_curve(tags[curve]) for _, curve in COLOUR_TAGS)
        return Shaper(curves, (columns[0], columns[1], columns[2]))
    except (struct.error, KeyError, ValueError, ArithmeticError, IndexError):
        return None


def _tags(profile: bytes) -> Iterator[tuple[bytes, bytes]]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > MOST_TAGS:
        raise ValueError(count)
    for index in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        yield name, profile[offset : offset + length]


def _fixed(data: bytes, offset: int, count: int) -> tuple[float, ...]:
    return tuple(value / FIXED for value in struct.unpack_from(f">{count}i", data, offset))


def _xyz(tag: bytes) -> Row:
    if tag[:4] != b"XYZ ":
        raise ValueError(tag[:4])
    x, y, z = _fixed(tag, 8, 3)
    return x, y, z


@lru_cache(maxsize=8)
def _curve(tag: bytes) -> Curve:
    """65536 values of a curveType or parametricCurveType; raises ValueError when it falls anywhere."""
    value = _sampled(tag) if tag[:4] == b"curv" else _parametric(tag)
    curve = tuple(min(1.0, max(0.0, value(code / FULL))) for code in range(FULL + 1))
    if any(b < a for a, b in pairwise(curve)) or curve[-1] <= curve[0]:
        raise ValueError("a curve that falls")
    return curve


def _sampled(tag: bytes) -> Callable[[float], float]:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return lambda x: x
    if count == 1:
        gamma = struct.unpack_from(">H", tag, 12)[0] / 256
        return lambda x: x**gamma
    table = struct.unpack_from(f">{count}H", tag, 12)

    def between(x: float) -> float:
        at = x * (count - 1)
        low = min(int(at), count - 2)
        return (table[low] + (at - low) * (table[low + 1] - table[low])) / FULL

    return between


def _parametric(tag: bytes) -> Callable[[float], float]:
    """Every kind is (a·x + b)^g + e above d and c·x + f below it, with what a kind lacks left at rest."""
    if tag[:4] != b"para":
        raise ValueError(tag[:4])
    (kind,) = struct.unpack_from(">H", tag, 8)
    values = _fixed(tag, 12, PARAMETERS[kind])
    g, a, b, c, d, e, f = (values[0], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if kind in (1, 2):
        a, b = values[1:3]
        d = -b / a
        e = f = values[3] if kind == 2 else 0.0
    elif kind in (3, 4):
        a, b, c, d = values[1:5]
        e, f = values[5:7] if kind == 4 else (0.0, 0.0)
    return lambda x: max(0.0, a * x + b) ** g + e if x >= d else c * x + f


def profile_name(profile: bytes) -> str:
    """A profile's own name, of either version's description tag; `unnamed` without one."""
    try:
        tag = dict(_tags(profile))[b"desc"]
        if tag[:4] == b"desc":
            (length,) = struct.unpack_from(">I", tag, 8)
            text = tag[12 : 12 + length].decode("latin-1")
        else:
            length, offset = struct.unpack_from(">II", tag, 20)
            text = tag[offset : offset + length].decode("utf-16-be", "replace")
    except (struct.error, KeyError, ValueError):
        return UNNAMED
    return "".join(letter for letter in text if letter.isprintable()).strip()[:NAME_LETTERS] or UNNAMED
