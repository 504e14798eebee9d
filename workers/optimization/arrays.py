"""The working arrays of an optimisation at one scale, as files that all its workers share.

The content, the picture as it is now, and what each tile says about the gradient of its core and its halo.
Rounds keep reading and writing apart, so nothing here locks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from giornata.atomic_file import atomic_write
from giornata.workers.tiling.arrays import read_box
from giornata.workers.tiling.grid import Box, Tile, TileGrid

CONTENT, PICTURE = "content.npy", "picture.npy"


class ScaleArrays:
    """Arrays of one scale in `folder`: float, padded height x padded width x 3, 0..1."""

    def __init__(self, folder: Path, grid: TileGrid) -> None:
        self.folder, self.grid = folder, grid
        self.content: NDArray[Any] = np.load(folder / CONTENT, mmap_mode="r")
        self.picture: NDArray[Any] = np.load(folder / PICTURE, mmap_mode="r+")

    @classmethod
    def laid_out(
        cls, folder: Path, grid: TileGrid, *, content: NDArray[Any], start: NDArray[Any]
    ) -> "ScaleArrays":
        """Write both arrays, padded by mirroring; `content` and `start` are float, height x width x 3."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = Box(0, 0, grid.padded_height, grid.padded_width)
        for name, pixels in ((CONTENT, content), (PICTURE, start)):
            np.save(folder / name, padded(pixels, whole))
        return cls(folder, grid)

    def tile_of(self, pixels: NDArray[Any], box: Box) -> Tensor:
        """A copy of a box of one of the arrays."""
        return torch.from_numpy(pixels[box.top : box.bottom, box.left : box.right].copy())

    def write_core(self, tile: Tile, core: Tensor) -> None:
        """Put a tile's core into the picture."""
        box = tile.core
        self.picture[box.top : box.bottom, box.left : box.right] = core.cpu().numpy()

    def write_gradient(self, tile: Tile, gradient: Tensor) -> None:
        """Write the gradient of a tile's whole input."""
        np.save(self._gradient(tile.index), gradient.cpu().numpy())

    def gathered(self, tile: Tile) -> Tensor:
        """The gradient over a tile's core: those of all tiles that read it, added in tile order."""
        total = np.zeros((tile.core.height, tile.core.width, 3), self.picture.dtype)
        for other in self.grid:
            shared = crossing(tile.core, other.input)
            if shared is not None:
                gradient = np.load(self._gradient(other.index), mmap_mode="r")
                total[shared.within(tile.core)] += gradient[shared.within(other.input)]
        return torch.from_numpy(total)

    def keep(self, name: str, value: Mapping[str, Any]) -> None:
        """Write plain values and tensors under a name, whole or not at all."""
        with atomic_write(self.folder / f"{name}.pt") as part:
            torch.save(dict(value), part)

    def kept(self, name: str) -> dict[str, Any]:
        """The inverse of `keep`."""
        record: dict[str, Any] = torch.load(self.folder / f"{name}.pt", weights_only=True)
        return record

    def _gradient(self, index: int) -> Path:
        return self.folder / f"gradient-{index:05d}.npy"


def padded(pixels: NDArray[Any], whole: Box) -> NDArray[Any]:
    """`pixels` mirrored out to `whole`; float64 stays float64."""
    if pixels.dtype == np.float64:
        height, width = pixels.shape[:2]
        return np.pad(pixels, ((0, whole.height - height), (0, whole.width - width), (0, 0)), "symmetric")
    return read_box(pixels, whole)


def crossing(left: Box, right: Box) -> Box | None:
    """The intersection of two boxes; None when they are apart."""
    box = Box(
        max(left.top, right.top),
        max(left.left, right.left),
        min(left.bottom, right.bottom),
        min(left.right, right.right),
    )
    return box if box.height > 0 and box.width > 0 else None
