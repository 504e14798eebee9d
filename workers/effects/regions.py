"""Several styles in one picture: which pixel belongs to which style, and how they meet.

Each style is painted over the whole picture's tiles, with statistics of the whole picture, so that every one
of them is exact; tiles in which it does not show are left out.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giornata.jobs.spec.crop import TaskCrop
from giornata.jobs.spec.values import TaskRegion
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.masks import Size, blocks, distance_to, eased, read_mask
from giornata.workers.errors import EffectRefused
from giornata.workers.tiling.arrays import Rows, bands, create_array, release_pages, to_depth, to_float
from giornata.workers.tiling.grid import Box

Labels = NDArray[np.uint8]
MOST = 255  # labels are a byte, and nought is the picture's own style


def region_labels(
    regions: Sequence[TaskRegion],
    size: Size,
    *,
    sandbox: Sandbox,
    folder: Path,
    drawn: Size | None = None,
    crop: TaskCrop | None = None,
) -> tuple[Labels, tuple[str, ...]]:
    """The region of each pixel: a memory map of uint8, H x W, in `folder`; and warnings about the masks.

    0 is the picture's own style, n the n-th region; where masks overlap the later one lies on top.
    Raises `EffectRefused`, and as `read_mask`.
    """
    if len(regions) > MOST:
        raise EffectRefused("painting regions", str(len(regions)), f"at most {MOST}")
    labels = create_array(folder / "labels.npy", size, np.uint8)
    warnings: list[str] = []
    for label, region in enumerate(regions, start=1):
        target = folder / f"region-{label}.npy"
        mask = read_mask(region.mask, size, sandbox=sandbox, target=target, drawn=drawn, crop=crop)
        warnings += mask.warnings
        for band in bands(*size):
            labels[band][mask.inside[band]] = label
            release_pages(labels, mask.inside)
        target.unlink()
    labels.flush()
    return np.load(folder / "labels.npy", mmap_mode="r"), tuple(warnings)


def region_share(labels: Labels, label: int, *, feather_px: float, target: Path) -> NDArray[np.uint16]:
    """Weight of a region's style at each pixel, kept in the file `target`: uint16, H x W.

    Half on the border, one and zero half a feather to either side. The shares of two neighbours sum to
    one; where three meet, `composed` sees to it.
    """
    size, reach_px = (labels.shape[0], labels.shape[1]), feather_px / 2 + 1
    share = create_array(target, size, np.uint16)
    for box in blocks(size, reach_px=reach_px):
        inside = distance_to(lambda near: labels[near] != label, box, size, reach_px=reach_px)
        outside = distance_to(lambda near: labels[near] == label, box, size, reach_px=reach_px)
        # The border runs between two pixels, half a pixel from either.
        from_border: Rows = np.where(inside > 0, inside - np.float32(0.5), np.float32(0.5) - outside)
        ramp = eased(np.float32(0.5) + from_border / np.float32(max(feather_px, 0.5)))
        share[box.top : box.bottom, box.left : box.right] = to_depth(ramp, share.dtype)
        release_pages(labels, share)
    share.flush()
    return np.load(target, mmap_mode="r")


def shows(labels: Labels, label: int, box: Box, *, margin_px: int) -> bool:
    """Whether a style is seen anywhere in `box`, or within `margin_px` of it."""
    near = box.grown(margin_px, *labels.shape[:2])
    return bool((labels[near.top : near.bottom, near.left : near.right] == label).any())


def composed(
    styles: Sequence[Callable[[slice], Rows]], shares: Sequence[NDArray[np.uint16]], band: slice
) -> Rows:
    """Rows of all `styles` by their `shares`: float32, rows x W x 3, 0..1. The weights sum to one."""
    parts = [to_float(np.asarray(share[band])) for share in shares]
    total = np.sum(parts, axis=0)  # never nought: a pixel's own region asks for half of it at least
    result: Rows | None = None
    for rows, part in zip(styles, parts, strict=True):
        weighed = _weighed(rows, part / total, band)
        result = weighed if result is None else result + weighed
    assert result is not None  # noqa: S101  there is always the picture's own style
    return result


def _weighed(rows: Callable[[slice], Rows], weight: Rows, band: slice) -> Rows:
    if not weight.any():
        return np.zeros((*weight.shape, 3), np.float32)
    return weight[:, :, None] * rows(band)


def as_rows(canvas: NDArray[Any]) -> Callable[[slice], Rows]:
    """A canvas as rows of float32 0..1."""
    return lambda band: to_float(np.asarray(canvas[band]))
