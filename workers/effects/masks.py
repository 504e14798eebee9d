"""Masks: where the source stays untouched, where a style may go, and how softly one turns into the other.

A mask is a picture of any readable format, read through the sandbox like any file of a stranger's. Its light
pixels, half and above, are inside; if it is cut out, its opaque ones are.
"""

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from giornata.jobs.spec.crop import TaskCrop
from giornata.jobs.spec.values import TaskMasks
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.crop import Kernel, Resampler, to_style
from giornata.workers.tiling.arrays import (
    Rows,
    bands,
    create_array,
    release_pages,
    to_depth,
    to_float,
    written_rows,
)
from giornata.workers.tiling.grid import Box

Plane = NDArray[np.bool_]
Size = tuple[int, int]  # height, width in px
BLOCK_PX = 1024  # distances are measured in blocks of this side or more, and the feather around them
ROUNDING_PX = 1  # a mask this close to the picture's size was meant for it
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: what "grey" means to a paint program


@dataclass(frozen=True)
class Mask:
    """A mask at the picture's size: `inside` is a memory map, bool, H x W."""

    inside: Plane
    warnings: tuple[str, ...] = ()


def read_mask(
    path: str,
    size: Size,
    *,
    sandbox: Sandbox,
    target: Path,
    drawn: Size | None = None,
    crop: TaskCrop | None = None,
) -> Mask:
    """The mask at `path`, upright, brought to `size`, kept in the file `target`.

    It was drawn for a picture of the size `drawn`, that of the source, and is cropped as that one was.
    Raises `Rejected`, `Unreadable`, `ScratchFull` as for any picture.
    """
    folder = target.with_suffix(".decoded")
    try:
        decoded = sandbox.decode(path, folder)
        working = to_style(decoded, crop, folder / "crop")
        grey, levels = _grey_rows(working)
        inside = _inside(grey, (working.height, working.width), size, levels, target=target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Mask(inside, tuple(_complaints(path, (decoded.height, decoded.width), drawn or size, inside)))


def _grey_rows(working: DecodedImage) -> tuple[Callable[[slice], NDArray[Any]], np.dtype[Any]]:
    """A reader of the mask's rows as one channel, and their dtype."""
    alpha, pixels = working.alpha, working.pixels
    if alpha is not None and not _opaque(alpha):
        return lambda band: np.asarray(alpha[band]), alpha.dtype

    def grey(band: slice) -> NDArray[Any]:
        rows = to_float(np.asarray(pixels[band]))
        green = rows[:, :, 1]
        # Differences from green vanish for greys, so that half stays half.
        luma = (
            green
            + np.float32(LUMA[0]) * (rows[:, :, 0] - green)
            + np.float32(LUMA[2]) * (rows[:, :, 2] - green)
        )
        return to_depth(luma, pixels.dtype)

    return grey, pixels.dtype


def _opaque(alpha: NDArray[Any]) -> bool:
    full = np.iinfo(alpha.dtype).max
    return all(bool((alpha[band] == full).all()) for band in bands(*alpha.shape[:2]))


def _inside(
    grey: Callable[[slice], NDArray[Any]],
    size: Size,
    output_size: Size,
    depth: np.dtype[Any],
    *,
    target: Path,
) -> Plane:
    if size == output_size:
        half = np.iinfo(depth).max // 2 + 1
        return written_rows(target, output_size, np.bool_, lambda band: grey(band) >= half)
    stored = target.with_suffix(".grey.npy")
    plane = written_rows(stored, size, depth, grey)
    resampler = Resampler(size, output_size, Kernel.TRIANGLE)
    inside = create_array(target, output_size, np.bool_)
    for band in resampler.bands():
        inside[band] = resampler.rows(plane, band) >= np.float32(0.5)
        release_pages(plane, inside)
    inside.flush()
    stored.unlink()
    return np.load(target, mmap_mode="r")


def _complaints(path: str, size: Size, expected: Size, inside: Plane) -> Iterator[str]:
    name = Path(path).name
    if any(abs(a - b) > ROUNDING_PX for a, b in zip(size, expected, strict=True)):
        # A side may be rounded to whole px either way before it counts as another shape.
        stretched = abs(size[0] * expected[1] - size[1] * expected[0]) > max(*size, *expected)
        how = "stretched to another shape" if stretched else "resized"
        sizes = f"{size[1]}×{size[0]} px, the picture {expected[1]}×{expected[0]}"
        yield f"mask {name} has {sizes}: it was {how}"
    filled = sum(int(np.count_nonzero(inside[band])) for band in bands(*inside.shape))
    if filled in (0, inside.size):
        yield f"mask {name} covers {'nothing' if filled == 0 else 'the whole picture'}"


def protected_plane(
    masks: TaskMasks,
    size: Size,
    *,
    sandbox: Sandbox,
    folder: Path,
    drawn: Size | None = None,
    crop: TaskCrop | None = None,
) -> Mask | None:
    """Mask of the protected pixels: all that `protect` covers, and all that `apply` does not. None: none."""
    read = {
        what: read_mask(path, size, sandbox=sandbox, target=folder / f"{what}.npy", drawn=drawn, crop=crop)
        for what, path in (("protect", masks.protect), ("apply", masks.apply))
        if path is not None
    }
    if not read:
        return None
    warnings = tuple(warning for mask in read.values() for warning in mask.warnings)
    inside = written_rows(folder / "protected.npy", size, np.bool_, lambda band: _kept(read, band))
    for what in read:
        (folder / f"{what}.npy").unlink()
    return Mask(inside, warnings)


def _kept(read: dict[str, Mask], band: slice) -> Plane:
    planes = [mask.inside[band] ^ (what == "apply") for what, mask in read.items()]
    return np.logical_or.reduce(planes)


def style_weights(protected: Plane, *, feather_px: float, target: Path) -> NDArray[np.uint16]:
    """Weights of the style, kept in the file `target`: a memory map, uint16, H x W.

    0 on what is protected and 65535 from `feather_px` off it, between them a cosine ramp of the exact
    distance to the nearest protected pixel.
    """
    size = (protected.shape[0], protected.shape[1])
    weights = create_array(target, size, np.uint16)
    for box in blocks(size, reach_px=feather_px + 1):
        distance = distance_to(lambda near: protected[near], box, size, reach_px=feather_px + 1)
        ramp = eased(distance / np.float32(feather_px + 1))
        weights[box.top : box.bottom, box.left : box.right] = to_depth(ramp, weights.dtype)
        release_pages(protected, weights)
    weights.flush()
    return np.load(target, mmap_mode="r")


def blocks(size: Size, *, reach_px: float) -> Iterator[Box]:
    """Boxes that cover a picture, at least twice as wide as the margin `reach_px` around them."""
    side = max(BLOCK_PX, math.ceil(2 * reach_px))
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            yield Box(top, left, min(top + side, size[0]), min(left + side, size[1]))


def distance_to(
    inside: Callable[[tuple[slice, slice]], Plane], box: Box, size: Size, *, reach_px: float
) -> Rows:
    """Px from each pixel of `box` to the nearest one that is inside: float32; `reach_px` and more are alike.

    `inside` gives any box of a bool plane of `size`.
    """
    near = box.grown(math.ceil(reach_px), *size)
    plane = np.asarray(inside((slice(near.top, near.bottom), slice(near.left, near.right))))
    if plane.all():
        return np.zeros((box.height, box.width), np.float32)
    if not plane.any():
        return np.full((box.height, box.width), np.inf, np.float32)
    distance = distance_transform_edt(~plane)[box.within(near)]
    return np.asarray(distance, np.float32)


def eased(share: Rows) -> Rows:
    """A cosine ramp: 0 up to 0, 1 from 1 on, and `eased(t) + eased(1 - t)` is one."""
    return np.float32(0.5) - np.float32(0.5) * np.cos(np.float32(math.pi) * np.clip(share, 0, 1))


def composited(styled: Rows, source: NDArray[Any], weights: NDArray[np.uint16]) -> NDArray[Any]:
    """The style over the source by `weights`, in the source's depth; where they are 0 the source itself."""
    share, mixed = to_float(weights)[:, :, None], to_float(source)
    mixed = mixed + share * (styled - mixed)
    return np.where(weights[:, :, None] > 0, to_depth(mixed, source.dtype), source)
