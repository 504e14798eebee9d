"""Memory-mapped arrays by rows and boxes, whose pages are given back: a large file does not count as memory.

Pages stay in the system's cache as long as nobody needs the room more. A band of rows holds about half a
megapixel whatever the picture's width, so that integer statistics of one band are exact in float64.
"""

import mmap
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from giornata.workers.errors import FULL, ScratchFull
from giornata.workers.tiling.grid import Box

EBB_S = 0.1  # a disk reads 100 MB in that time


def release_pages(*arrays: NDArray[Any] | None) -> None:
    """Let go of the pages of memory-mapped `arrays`; what was written is kept. Others are left alone."""
    for array in arrays:
        source = getattr(array, "_mmap", None)  # numpy's own handle; views share it
        if isinstance(source, mmap.mmap):
            source.madvise(mmap.MADV_DONTNEED)


@contextmanager
def releasing_pages(*arrays: NDArray[Any] | None, tick: Callable[[], None] | None = None) -> Iterator[None]:
    """Give pages back all the time while foreign code reads through whole `arrays`; `tick` goes with it."""
    over = threading.Event()

    def ebb() -> None:
        while not over.wait(EBB_S):
            release_pages(*arrays)
            if tick:
                tick()

    thread = threading.Thread(target=ebb, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        release_pages(*arrays)


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


def create_array(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any] | type) -> np.memmap[Any, Any]:
    """A picture file (.npy) to be filled through the memory map that is returned; one of that name goes.

    Its space is taken at once: a full disk would end a process that writes through a map. Raises
    `ScratchFull`.
    """
    path.unlink(missing_ok=True)
    pixels: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, pixels.offset + pixels.nbytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in FULL:
            free = shutil.disk_usage(path.parent).free
            raise ScratchFull(str(path.parent), pixels.nbytes, free) from error
        raise
    return pixels


def written_rows(
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
    pixels = create_array(path, shape, dtype)
    for band in bands(*shape[:2]):
        pixels[band] = rows(band)
        release_pages(pixels)
        tick()
    pixels.flush()
    return np.load(path, mmap_mode="r")


VIPS_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}


def mirrored(start: int, stop: int, length: int) -> NDArray[np.int64]:
    """Indices `start`..`stop` folded back into 0..`length` as in a mirror that repeats the edge.

    Works for any length, down to one, unlike reflection without the edge.
    """
    folded = np.arange(start, stop) % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


def to_float(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Integers of any depth, or floats -> float32 0..1."""
    if pixels.dtype == np.float32:
        return pixels
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def read_box(pixels: NDArray[Any], box: Box) -> NDArray[np.float32]:
    """A box of the padded picture: float32, h x w x 3, 0..1; what lies beyond the picture is mirrored."""
    height, width = pixels.shape[:2]
    inside = pixels[box.top : min(box.bottom, height), box.left : min(box.right, width)]
    if inside.shape[:2] != (box.height, box.width):
        rows, columns = mirrored(box.top, box.bottom, height), mirrored(box.left, box.right, width)
        inside = pixels[rows[:, None], columns[None, :]]
    return to_float(inside)


def reduced(pixels: NDArray[Any], long_side_px: int) -> NDArray[np.float32]:
    """The whole picture shrunk to `long_side_px`, streamed: float32, h x w x 3, 0..1; never enlarged."""
    height, width = pixels.shape[:2]
    factor = long_side_px / max(height, width)
    if factor >= 1:
        return to_float(np.asarray(pixels))
    image = pyvips.Image.new_from_memory(
        pixels.reshape(-1).data, width, height, 3, VIPS_FORMATS[str(pixels.dtype)]
    )
    return to_float(image.resize(factor, kernel="lanczos3").numpy())
