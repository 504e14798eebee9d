"""Reading a decoded picture: any box of it as floats, and a small copy of the whole."""

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from giornata.workers.tiles import Box

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
