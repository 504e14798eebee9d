"""Styles of a library as an evaluation paints with them: whole, and in tiles to look for seams."""

from dataclasses import dataclass

import numpy as np

from giornata.styles.engine import Engine
from giornata.styles.evaluation.metrics import Image
from giornata.styles.library import EngineName, Library, LibraryEntry
from giornata.styles.loader import load_engine
from giornata.workers.tiling.executor import TileExecutor, exact_totals, grid_for, styled_in_one

TILE_PX = 192  # core side of the tiles that seams are looked for between


def group_of(shelved: LibraryEntry) -> str:
    """The method that a style belongs to: the network that many styles share, else its engine."""
    card = shelved.card
    return shelved.weights_path.stem if card.engine is EngineName.FEEDFORWARD else card.engine.value


@dataclass(frozen=True)
class Tiled:
    """An image painted in tiles, and the first row or column of px after each seam."""

    image: Image
    rows: tuple[int, ...]
    columns: tuple[int, ...]


class StylePainter:
    """Paints with one style of a library, through the engine that its card asks for.

    A strength of 1 is that of the card.
    """

    def __init__(self, shelved: LibraryEntry) -> None:
        """Loads the engine, so that painting does not. Raises `StyleError`."""
        self.card = shelved.card
        self.library = Library((shelved.folder,))
        self.engines: dict[float, Engine] = {}
        self._engine(1.0)

    def __call__(self, photo: Image, strength: float) -> Image:
        """The styled photograph: float32, H x W x 3, sRGB 0..1, as `photo`. Raises `StyleError`."""
        return np.clip(styled_in_one(self._engine(strength), photo), 0, 1)

    def tiled(self, photo: Image, strength: float) -> Tiled:
        """The same in tiles of `TILE_PX`, with exact statistics, as the product paints large images."""
        engine = self._engine(strength)
        height, width = photo.shape[:2]
        grid = grid_for(engine, width, height, core_px=TILE_PX)
        desk, canvas = TileExecutor(engine, grid, photo), np.zeros_like(photo)
        totals = exact_totals(desk, grid)
        for tile in grid:
            part = desk.render(tile, totals)
            top, left = tile.reach.top, tile.reach.left
            rows, columns = min(part.shape[0], height - top), min(part.shape[1], width - left)
            canvas[top : top + rows, left : left + columns] = part[:rows, :columns]
        tops, lefts = ({getattr(tile.core, side) for tile in grid} for side in ("top", "left"))
        image = np.clip(canvas, 0, 1)
        return Tiled(image, _inner(tops, height), _inner(lefts, width))

    def _engine(self, strength: float) -> Engine:
        if strength not in self.engines:
            mix = {self.card.name: 1.0}
            self.engines[strength] = load_engine(self.library, mix, strength=strength * self.card.strength)
        return self.engines[strength]


def _inner(starts: set[int], length: int) -> tuple[int, ...]:
    return tuple(start for start in sorted(starts) if 0 < start < length)
