"""Blending ramps: how much each of two neighbours counts inside the strip they share.

The two ramps of a strip are `r` and `1 - r`, so weights sum to one by construction: no weight
map and no division.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ramp(StrEnum):
    """The shape of the transition."""

    LINEAR = "linear"
    COSINE = "cosine"


def rising(length: int, ramp: Ramp) -> NDArray[np.float32]:
    """The weight of the later neighbour across a strip of `length` px: float32, rising inside 0..1."""
    t = (np.arange(length, dtype=np.float32) + 0.5) / length
    shaped = t if ramp is Ramp.LINEAR else 0.5 - 0.5 * np.cos(np.pi * t)
    return shaped.astype(np.float32)


class Segment(NamedTuple):
    """A stretch of one axis and the one or two tile rows (or columns) that own it."""

    start: int
    stop: int
    owners: tuple[int, ...]


def segments(cuts: tuple[int, ...], overlap_px: int) -> Iterator[Segment]:
    """Split an axis into what one tile owns alone and the strips two share, in order, without gaps."""
    half, last = overlap_px // 2, len(cuts) - 2
    for i in range(last + 1):
        start = cuts[i] + (half if i else 0)
        stop = cuts[i + 1] - (half if i < last else 0)
        if stop > start:
            yield Segment(start, stop, (i,))
        if i < last and half:
            yield Segment(cuts[i + 1] - half, cuts[i + 1] + half, (i, i + 1))


def weights(segment: Segment, ramp: Ramp) -> tuple[NDArray[np.float32], ...]:
    """One weight vector (float32, segment length) per owner of `segment`; they sum to one at every pixel."""
    length = segment.stop - segment.start
    if len(segment.owners) == 1:
        return (np.ones(length, dtype=np.float32),)
    later = rising(length, ramp)
    return (1 - later, later)
