"""A style from a picture: its statistics at every level, summed over tiles, whatever the picture's size."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from giornata.styles.errors import BadStylePicture
from giornata.styles.moments import Moments, summed
from giornata.styles.universal.network import (
    LEVELS,
    MIN_SIDE,
    STRIDE,
    NetworkReach,
    UniversalNetwork,
    rounded_up,
)
from giornata.styles.universal.product_moments import product_moments
from giornata.styles.universal.statistics import StyleStatistics, level_statistics

CORE_PX = 1024
LEAST_DEVIATION = 1 / 512  # of colour: below it a picture is one colour, and no style


def watched_by_nobody() -> None:
    """A `tick` that does nothing."""


def learn_statistics(
    network: UniversalNetwork,
    pixels: NDArray[Any],
    *,
    identity: str,
    name: str = "the style picture",
    core_px: int = CORE_PX,
    tick: Callable[[], None] = watched_by_nobody,
) -> StyleStatistics:
    """Statistics of `pixels` (H x W x 3, float 0..1, or uint8 or uint16; may be a memory map), in tiles.

    A picture smaller than the network's least side is mirrored until it is large enough; one whose sides are
    not multiples of the stride loses its last rows and columns. The same numbers for any `core_px`, up to the
    order of sums. `tick` is called after every tile. Raises `BadStylePicture` when there is but one colour.
    """
    picture = large_enough(pixels)
    parts: list[list[Moments]] = [[] for _ in range(LEVELS)]
    halo = NetworkReach(LEVELS, network.shape).encoder_halo_px
    for window, core in windows(picture, core_px, halo):
        for level_parts, moments in zip(parts, tile_moments(network, window, core), strict=True):
            level_parts.append(moments)
        tick()
    levels = tuple(level_statistics(summed(level_parts)) for level_parts in parts)
    check_colours(picture, name)
    return StyleStatistics(levels, identity)


def large_enough(pixels: NDArray[Any]) -> NDArray[Any]:
    """The picture, mirrored where it is smaller than `MIN_SIDE`, cut to multiples of the stride."""
    short = [(0, max(0, MIN_SIDE - side)) for side in pixels.shape[:2]]
    if any(after for _, after in short):
        pixels = np.pad(pixels, (*short, (0, 0)), mode="symmetric")
    height, width = (side - side % STRIDE for side in pixels.shape[:2])
    return pixels[:height, :width]


def windows(picture: NDArray[Any], core_px: int, halo: int) -> Iterator[tuple[Tensor, tuple[slice, slice]]]:
    """Tiles with `halo` px that the encoder sees around them: float32, 1 x 3 x h x w, and the core inside."""
    core = rounded_up(core_px, STRIDE)
    height, width = picture.shape[:2]
    for top in range(0, height, core):
        for left in range(0, width, core):
            rows = max(0, top - halo), min(height, top + core + halo)
            columns = max(0, left - halo), min(width, left + core + halo)
            inside = (
                slice(top - rows[0], min(top + core, height) - rows[0]),
                slice(left - columns[0], min(left + core, width) - columns[0]),
            )
            yield as_tensor(picture[slice(*rows), slice(*columns)]), inside


def as_tensor(pixels: NDArray[Any]) -> Tensor:
    """H x W x 3 of any sample type -> float32, 1 x 3 x H x W, 0..1, channels last in memory."""
    scale = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1
    rows = torch.from_numpy(np.ascontiguousarray(pixels, np.float32)) / scale
    return rows.permute(2, 0, 1)[None]


def tile_moments(network: UniversalNetwork, window: Tensor, core: tuple[slice, slice]) -> Iterator[Moments]:
    """Sums over the core of a tile, level by level."""
    with torch.inference_mode():
        for level, features in enumerate(network.encode(window), start=1):
            step = 1 << (level - 1)
            rows, columns = (slice(part.start // step, part.stop // step) for part in core)
            yield product_moments(features[0, :, rows, columns])


def check_colours(picture: NDArray[Any], name: str) -> None:
    """Raise `BadStylePicture` when a picture has one colour only."""
    scale = np.iinfo(picture.dtype).max if np.issubdtype(picture.dtype, np.integer) else 1
    step = max(1, min(picture.shape[:2]) // 512)
    deviation = float(np.max(np.std(picture[::step, ::step].reshape(-1, 3) / scale, axis=0)))
    if deviation < LEAST_DEVIATION:
        raise BadStylePicture(name, "one colour", "a picture to take a style from")
