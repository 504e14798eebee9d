"""Bands of rows: how effects walk a picture of any size in bounded memory.

A band holds about a megapixel whatever the picture's width, so that integer statistics of one band are exact
in float64 and nothing depends on how much memory there is.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
BAND_PX = 1 << 20


def bands(height: int, width: int) -> Iterator[slice]:
    """Slices of rows, in order and without gaps, of about `BAND_PX` pixels each."""
    step = max(1, BAND_PX // max(1, width))
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def to_depth(rows: Rows, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Float 0..1 -> `dtype`, clipped, rounded to nearest; float32 is only clipped."""
    if dtype == np.float32:
        return np.clip(rows, 0, 1)
    top = np.iinfo(dtype).max
    return np.rint(np.clip(rows, 0, 1) * np.float32(top)).astype(dtype)


def written(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    rows: Callable[[slice], NDArray[Any]],
    *,
    tick: Callable[[], None] | None = None,
) -> NDArray[Any]:
    """A picture file (.npy) of `shape` and `dtype`, filled band by band with what `rows` gives.

    A file of that name is replaced. Returns the read-only memory map. `tick` is called after every band.
    """
    made = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    for band in bands(*shape[:2]):
        made[band] = rows(band)
        if tick:
            tick()
    made.flush()
    del made
    return np.load(path, mmap_mode="r")
