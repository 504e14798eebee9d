"""Bands of rows: how effects walk a picture of any size in bounded memory.

A band holds about half a megapixel whatever the picture's width, so that integer statistics of one band are
exact in float64 and nothing depends on how much memory there is.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giornata.workers.errors import FULL, ScratchFull
from giornata.workers.mapped import give_back

Rows = NDArray[np.float32]
BAND_PX = 1 << 19


def silent() -> None:
    """The `tick` of work that nobody watches."""


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


def laid_out(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any] | type) -> np.memmap[Any, Any]:
    """A picture file (.npy) to be filled through the memory map that is returned; one of that name goes.

    Its space is taken at once: a full disk would end a process that writes through a map. Raises
    `ScratchFull`.
    """
    path.unlink(missing_ok=True)
    made: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, made.offset + made.nbytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in FULL:
            free = shutil.disk_usage(path.parent).free
            raise ScratchFull(str(path.parent), made.nbytes, free) from error
        raise
    return made


def written(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any] | type,
    rows: Callable[[slice], NDArray[Any]],
    *,
    tick: Callable[[], None] = silent,
) -> NDArray[Any]:
    """A picture file (.npy) of `shape` and `dtype`, filled band by band with what `rows` gives.

    Returns the read-only memory map. `tick` is called after every band. Raises `ScratchFull`.
    """
    made = laid_out(path, shape, dtype)
    for band in bands(*shape[:2]):
        made[band] = rows(band)
        give_back(made)
        tick()
    made.flush()
    return np.load(path, mmap_mode="r")
