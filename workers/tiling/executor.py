"""The tile program of one picture: open tiles, exchange statistics phase by phase, render into the canvas.

`TileExecutor` is what one process does for the tiles it was given. One process runs the whole program with
`exact_totals` and `render_tiles`; the cluster runs the same verbs on many.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from giornata.styles.engine import Engine, TileRun, collect_totals
from giornata.styles.errors import BadStatistics
from giornata.styles.moments import Moments, Totals, summed
from giornata.workers.tiling.arrays import read_box, reduced, release_pages, releasing_pages, silent
from giornata.workers.tiling.canvas import Canvas
from giornata.workers.tiling.features import RESIDENT_SHARE, FeatureFiles
from giornata.workers.tiling.grid import Box, Tile, TileGrid, rounded_up
from giornata.workers.tiling.statistics_log import StatisticsLog

THUMBNAIL_PX = 1024  # what URST (Chen et al. 2022) shrinks to


def grid_for(engine: Engine, width: int, height: int, *, core_px: int, overlap_px: int = 0) -> TileGrid:
    """The grid of a picture for this engine; `core_px` and `overlap_px` are rounded to its stride."""
    stride = engine.stride
    step = 2 * stride
    core = max(stride, core_px - core_px % stride)
    overlap = min(overlap_px, core // 2)
    return TileGrid(
        width=width,
        height=height,
        core_px=core,
        stride=stride,
        halo_px=rounded_up(engine.halo_px, stride),
        overlap_px=overlap - overlap % step,
        min_side=engine.min_side,
    )


@dataclass(frozen=True)
class HeldTile:
    """A run and the number of phases whose totals it has taken."""

    phase: int
    run: TileRun


class TileExecutor:
    """The tiles of one picture that one process works on.

    Features stay between phases in `files` if there are any, otherwise in memory while they fit
    `memory_bytes`. A tile that is in neither is replayed from its pixels and the totals known so far. What
    the `log` knows of a tile is not computed again.
    """

    def __init__(
        self,
        engine: Engine,
        grid: TileGrid,
        pixels: NDArray[Any],
        *,
        memory_bytes: int = 2 << 30,
        tick: Callable[[], None] = silent,
        files: FeatureFiles | None = None,
        log: StatisticsLog | None = None,
    ) -> None:
        """`tick` is called after every tile; what it raises ends the work."""
        self.engine, self.grid, self.pixels = engine, grid, pixels
        self.memory_bytes, self.files, self.log = memory_bytes, files, log
        self._tick = tick
        self._held: dict[int, HeldTile] = {}

    def partial(self, tile: Tile, totals: Totals) -> Moments:
        """The tile's moments for the phase that follows `totals`; asking again gives the same answer."""
        moments = self.log.moments(len(totals), tile.index) if self.log else None
        return moments or self._computed(tile, totals)

    def _computed(self, tile: Tile, totals: Totals) -> Moments:
        phase, run = len(totals), self._at_phase(tile, totals)
        moments = run.partial()
        if self.files is None:
            self._keep(tile, HeldTile(phase, run))
        elif phase in self.files.phases:
            self.files.save(tile.index, run.freeze())
        if self.log:
            self.log.note(phase, tile.index, moments)
        self._tick()
        return moments

    def render(self, tile: Tile, totals: Totals) -> NDArray[np.float32]:
        """The styled tile: float32 0..1, the size of `tile.reach`. A pure function of pixels and `totals`."""
        if len(totals) != self.engine.phases:
            raise BadStatistics(f"{len(totals)} phases of totals", f"{self.engine.phases}")
        styled = self._at_phase(tile, totals).finish()
        self._held.pop(tile.index, None)
        self._tick()
        return styled[tile.reach.within(tile.input)].cpu().numpy()

    def forget(self) -> None:
        """Drop all features."""
        self._held.clear()

    def _at_phase(self, tile: Tile, totals: Totals) -> TileRun:
        """The tile's run just after `totals`: from memory, from the files, or from its pixels."""
        held = self._held.get(tile.index) or self._stored(tile, len(totals))
        if held is None or held.phase > len(totals):
            pixels = torch.from_numpy(np.ascontiguousarray(read_box(self.pixels, tile.input)))
            release_pages(self.pixels)
            held = HeldTile(0, self.engine.open(pixels, tile.core.within(tile.input)))
        for total in totals[held.phase :]:
            held.run.advance(total)
        return held.run

    def _stored(self, tile: Tile, phase: int) -> HeldTile | None:
        frozen = self.files.load(tile.index, phase) if self.files else None
        if frozen is None:
            return None
        core = tile.core.within(tile.input)
        return HeldTile(frozen.phase, self.engine.thaw(frozen, tile.input.height, core))

    def _keep(self, tile: Tile, held: HeldTile) -> None:
        self._held.pop(tile.index, None)
        if self._held_bytes() + self._weight(tile) <= self.memory_bytes or not self._held:
            self._held[tile.index] = held

    def _held_bytes(self) -> int:
        return sum(self._weight(self.grid[index]) for index in self._held)

    def _weight(self, tile: Tile) -> int:
        return int(tile.input.height * tile.input.width * self.engine.bytes_per_px * RESIDENT_SHARE)


def exact_totals(
    executor: TileExecutor, tiles: Iterable[Tile], *, on_phase: Callable[[int], None] | None = None
) -> Totals:
    """Every phase's totals over all tiles, summed in tile order; the log may hold some already."""
    order = sorted(tiles, key=lambda tile: tile.index)
    totals: Totals = executor.log.totals() if executor.log else ()
    for phase in range(len(totals), executor.engine.phases):
        totals = (*totals, summed(executor.partial(tile, totals) for tile in order))
        if executor.log:
            executor.log.keep_totals(totals)
        if on_phase:
            on_phase(phase)
    return totals


def totals_of_picture(engine: Engine, pixels: NDArray[np.float32]) -> Totals:
    """Totals of a picture small enough for one tile (a thumbnail): float32, h x w x 3, 0..1."""
    height, width = pixels.shape[:2]
    sides = (rounded_up(max(side, engine.min_side), engine.stride) for side in (height, width))
    padded = read_box(pixels, Box(0, 0, *sides))
    return tuple(collect_totals(engine, torch.from_numpy(np.ascontiguousarray(padded))))


def styled_in_one(engine: Engine, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture small enough for one tile, styled with its own totals: float32, h x w x 3, 0..1."""
    height, width = pixels.shape[:2]
    grid = grid_for(engine, width, height, core_px=max(height, width) + engine.stride)
    executor = TileExecutor(engine, grid, pixels)
    return executor.render(grid[0], exact_totals(executor, grid))[:height, :width]


def thumbnail_totals(engine: Engine, pixels: NDArray[Any]) -> Totals:
    """Totals of the picture shrunk to `THUMBNAIL_PX`: cheap, and not the picture's own. For previews."""
    with releasing_pages(pixels):
        small = reduced(pixels, THUMBNAIL_PX)
    return totals_of_picture(engine, small)


def blended(
    styled: NDArray[np.float32], pixels: NDArray[Any], tile: Tile, blend: float
) -> NDArray[np.float32]:
    """The pixel blend `blend`·styled + (1 − `blend`)·content over `tile.reach`."""
    if blend >= 1:
        return styled
    return np.float32(blend) * styled + np.float32(1 - blend) * read_box(pixels, tile.reach)


def render_tiles(
    executor: TileExecutor, canvas: Canvas, tiles: Iterable[Tile], totals: Totals, *, blend: float = 1.0
) -> Iterator[Tile]:
    """Render each tile into the canvas, yielding it when it is in; one that is in already is passed over."""
    for tile in tiles:
        if canvas.holds(tile):
            continue
        canvas.add(tile, blended(executor.render(tile, totals), executor.pixels, tile, blend))
        yield tile
