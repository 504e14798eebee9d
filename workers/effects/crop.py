"""Cuts pictures to the shapes a campaign asks for: decoded ones before styling, or styled ones after.

Resampling by bands of rows: any ratio, exact registration, the same bytes however many rows are asked for.

libvips resizes faster, but rounds positions to 1/64 px; brush detail subtracts what was resampled from what
was not, and must meet to the pixel.
"""

import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from giornata.jobs.spec.crop import (
    CropBox,
    CropStyling,
    Size,
    TaskCrop,
    crop_box,
    crop_size,
    enlargement,
    master_size,
)
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.encoding.encode import resize
from giornata.workers.source import WorkingFile
from giornata.workers.tiling.arrays import VIPS_FORMATS, Rows, to_float

ENLARGED = 1.005  # less than that is the rounding of a side


def to_style(working: DecodedImage, crop: TaskCrop | None, folder: Path) -> DecodedImage:
    """The picture to style for a crop: the whole, no larger than all crops need, or the crop itself.

    A new picture is kept in `folder`; one that fits is returned as it is.
    """
    if crop is None:
        return working
    size = (working.width, working.height)
    if crop.styling is CropStyling.ONCE:
        return _made(working, CropBox(0, 0, *size), master_size(size, crop.all_needs), folder)
    box = crop_box(size, crop)
    output_size = crop_size(box, crop.need)
    shown = (box.width, box.height) if enlargement(box, output_size) > 1 else output_size
    return _made(working, box, shown, folder)


def to_show(size: Size, crop: TaskCrop | None) -> tuple[CropBox | None, Size | None]:
    """The part of a styled picture of `size` that an output shows, and its size in px; None: the whole."""
    if crop is None:
        return None, None
    whole = crop.styling is CropStyling.EACH
    box = CropBox(0, 0, *size) if whole else crop_box(size, crop)
    return (None if whole else box), crop_size(box, crop.need)


def crop_warnings(working: DecodedImage, crop: TaskCrop | None) -> tuple[str, ...]:
    """Warnings about a crop: the source is too small, or the safe area does not fit."""
    if crop is None:
        return ()
    facts = working.facts
    box = crop_box((facts.width, facts.height), crop)
    output_size, warnings = crop_size(box, crop.need), []
    times = enlargement(box, output_size)
    if times > ENLARGED:
        warnings.append(
            f"{crop.label}: enlarged {times:.2f} times, the source has {box.width}×{box.height} px there"
        )
    if any(box.cut):
        warnings.append(f"{crop.label}: the safe area is cut by {box.cut[0]}×{box.cut[1]} px of the source")
    return tuple(warnings)


def _made(working: DecodedImage, box: CropBox, size: Size, folder: Path) -> DecodedImage:
    if (box.width, box.height) == (working.width, working.height) == size:
        return working
    folder.mkdir(exist_ok=True)
    alpha = working.alpha
    pixels_path = _written(working.pixels, box, size, folder / WorkingFile.PIXELS)
    changes: dict[str, Any] = {"pixels_path": pixels_path, "width": size[0], "height": size[1]}
    if alpha is not None:
        changes["alpha_path"] = _written(alpha, box, size, folder / WorkingFile.ALPHA)
    return working.model_copy(update=changes)


def _written(samples: NDArray[Any], box: CropBox, size: Size, path: Path) -> Path:
    """A part of `samples` at `size` as a numpy file, streamed."""
    bands = 1 if samples.ndim == 2 else samples.shape[2]
    kind = VIPS_FORMATS[str(samples.dtype)]
    whole = pyvips.Image.new_from_memory(
        samples.reshape(-1).data, samples.shape[1], samples.shape[0], bands, kind
    )
    image = resize(whole.extract_area(box.left, box.top, box.width, box.height), size).cast(kind)
    part = np.lib.format.open_memmap(
        path, mode="w+", dtype=samples.dtype, shape=(size[1], size[0], *samples.shape[2:])
    )
    step = max(1, (1 << 20) // size[0])
    region = pyvips.Region.new(image)
    for top in range(0, size[1], step):
        rows = min(step, size[1] - top)
        data = region.fetch(0, top, size[0], rows)
        part[top : top + rows] = np.frombuffer(data, samples.dtype).reshape(rows, *part.shape[1:])
    part.flush()
    return path


WORK_PX = 1 << 21  # of input or output, whichever is more, held at once


class Kernel(StrEnum):
    """The filter; all are stretched when shrinking, so that nothing aliases."""

    TRIANGLE = "triangle"  # never overshoots: for masks
    MITCHELL = "mitchell"  # no visible ringing when enlarging (Mitchell and Netravali 1988, B = C = 1/3)
    LANCZOS = "lanczos"  # sharpest when shrinking (three lobes)


RADIUS_PX = {Kernel.TRIANGLE: 1, Kernel.MITCHELL: 2, Kernel.LANCZOS: 3}


def _mitchell(x: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (7 * x**3 - 12 * x**2 + 16 / 3) / 6
    far = (-7 / 3 * x**3 + 12 * x**2 - 20 * x + 32 / 3) / 6
    return np.where(x < 1, near, np.where(x < 2, far, 0))


SHAPES: dict[Kernel, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    Kernel.TRIANGLE: lambda x: np.clip(1 - x, 0, None),
    Kernel.MITCHELL: _mitchell,
    Kernel.LANCZOS: lambda x: np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0),
}


class Taps(NamedTuple):
    """Indexes and weights of the inputs of each output sample: int64 and float32, both outputs x taps."""

    indexes: NDArray[np.int64]
    weights: NDArray[np.float32]


def taps(length: int, output_length: int, kernel: Kernel) -> Taps:
    """The taps that bring `length` samples to `output_length`; pixel centres stay, edges repeat."""
    ratio = length / output_length
    stretch = max(1.0, ratio)
    centres = (np.arange(output_length) + 0.5) * ratio - 0.5
    radius = RADIUS_PX[kernel] * stretch
    first = np.floor(centres - radius).astype(np.int64) + 1
    indexes = first[:, None] + np.arange(math.ceil(2 * radius))
    weights = SHAPES[kernel](np.abs(indexes - centres[:, None]) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.clip(indexes, 0, length - 1), weights.astype(np.float32))


class Resampler:
    """Brings pictures of one size (height, width) to another."""

    def __init__(self, size: tuple[int, int], output_size: tuple[int, int], kernel: Kernel) -> None:
        self.size, self.wanted = size, output_size
        self.down = taps(size[0], output_size[0], kernel)
        self.across = taps(size[1], output_size[1], kernel)

    def bands(self, within: slice | None = None) -> Iterator[slice]:
        """Slices of output rows, of all or of `within`, whose inputs and outputs are `WORK_PX` at most."""
        rows = within or slice(0, self.wanted[0])
        a_row = max(self.wanted[1], self.size[1] * self.size[0] / self.wanted[0])
        step = max(1, int(WORK_PX / a_row))
        return (slice(top, min(top + step, rows.stop)) for top in range(rows.start, rows.stop, step))

    def rows(self, picture: NDArray[Any], band: slice) -> Rows:
        """The output's rows of `band`: float32; integers are scaled to 0..1. May overshoot a little.

        `picture`: any depth, H x W or H x W x channels, array or memory map.
        """
        return np.concatenate([self._rows(picture, part) for part in self.bands(band)])

    def _rows(self, picture: NDArray[Any], band: slice) -> Rows:
        indexes = self.down.indexes[band]
        top, bottom = int(indexes.min()), int(indexes.max()) + 1
        narrow = _gathered(to_float(np.asarray(picture[top:bottom])), self.across, axis=1)
        return _gathered(narrow, Taps(indexes - top, self.down.weights[band]), axis=0)

    def whole(self, picture: NDArray[Any]) -> Rows:
        """The whole output, for pictures that fit in memory."""
        return self.rows(picture, slice(0, self.wanted[0]))


def _gathered(rows: Rows, taps: Taps, *, axis: int) -> Rows:
    """The weighted sum of taps along `axis`, added in tap order, so that it is the same for any band."""
    shape = [1] * rows.ndim
    shape[axis] = len(taps.indexes)
    total = np.take(rows, taps.indexes[:, 0], axis=axis)
    total *= taps.weights[:, 0].reshape(shape)
    for k in range(1, taps.indexes.shape[1]):
        part = np.take(rows, taps.indexes[:, k], axis=axis)
        part *= taps.weights[:, k].reshape(shape)
        total += part
    return total
