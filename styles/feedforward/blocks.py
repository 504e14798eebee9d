"""Blocks of a feature map: how it is cut, and what each needs around it, padded as the network defines."""

from collections.abc import Iterator
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor

from giornata.styles.feedforward.network import Stage, doubled

Block = tuple[int, int, int, int]  # top, bottom, left, right


def window(features: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Rows and columns of `features` (1 x C x H x W), reflected where they lie outside."""
    height, width = features.shape[2:]
    top, bottom = max(0, -rows[0]), max(0, rows[1] - height)
    left, right = max(0, -columns[0]), max(0, columns[1] - width)
    inside = features[:, :, rows[0] + top : rows[1] - bottom, columns[0] + left : columns[1] - right]
    if top or bottom or left or right:
        inside = F.pad(inside, (left, right, top, bottom), mode="reflect")
    return inside


def blocks(height: int, width: int, size: int) -> Iterator[Block]:
    """Row and column bounds of blocks of about `size`; none is a sliver thinner than half of it."""

    def cuts(length: int) -> list[int]:
        count = max(1, round(length / size))
        return [2 * round(length * i / count / 2) for i in range(count)] + [length]

    ys, xs = cuts(height), cuts(width)
    for y0, y1 in pairwise(ys):
        for x0, x1 in pairwise(xs):
            yield y0, y1, x0, x1


def overlap(core: slice, start: int, stop: int) -> slice:
    """The part of `core` inside `start`..`stop`, counted from `start`."""
    return slice(max(core.start - start, 0), max(min(core.stop, stop) - start, 0))


def stage_window(stage: Stage, features: Tensor, block: Block) -> Tensor:
    """Input that one output `block` of `stage` needs, padded: 1 x C x h x w, ready for a bare convolution."""
    y0, y1, x0, x1 = block
    pad = stage.shape.kernel // 2
    if stage.shape.scale == 0.5:
        return window(features, (2 * y0 - pad, 2 * y1 - 1 + pad), (2 * x0 - pad, 2 * x1 - 1 + pad))
    if stage.shape.scale == 1:
        return window(features, (y0 - pad, y1 + pad), (x0 - pad, x1 + pad))
    height, width = features.shape[2:]
    # Upsample one more row and column than the block where there is one, so that reflection happens on the
    # upsampled map, as in the definition, and so that a smooth doubling has its neighbour.
    top, bottom = max(0, y0 // 2 - 1), min(height, (y1 + 1) // 2 + 1)
    left, right = max(0, x0 // 2 - 1), min(width, (x1 + 1) // 2 + 1)
    large = doubled(features[:, :, top:bottom, left:right], smooth=stage.shape.smooth)
    dy, dx = 2 * top, 2 * left
    return window(large, (y0 - pad - dy, y1 + pad - dy), (x0 - pad - dx, x1 + pad - dx))
