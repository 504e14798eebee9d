"""What one picture takes on scratch, checked before it starts, and the choice of where its features wait."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from giornata.styles.engine import Engine
from giornata.workers.errors import ScratchFull
from giornata.workers.features import checkpoints
from giornata.workers.kept import Keep, Keeping
from giornata.workers.tiles import Tile, TileGrid

GIB = 1 << 30
RESIDENT_SHARE = 0.55  # of a tile's peak: what its features weigh between phases in memory
FLOAT_PIXEL_BYTES = 12  # strips wait as three float32
RESERVE_BYTES = GIB  # stays free for everybody else
SAY_AT_BYTES = 100_000_000  # below this nobody need know


def choose_keeping(
    engine: Engine, grid: TileGrid, *, memory_bytes: int, sharers: int, disk_bytes: int
) -> Keeping:
    """Memory when all tiles fit that of all `sharers`, else the cheapest that `disk_bytes` allows."""
    pixels = input_pixels(grid)
    resident = int(pixels * engine.bytes_per_px * RESIDENT_SHARE)
    if len(grid) == 1 or resident <= memory_bytes * sharers:
        return Keeping(memory_bytes=resident)
    phases = sorted(checkpoints(engine, bytes_per_px=disk_bytes / pixels))
    if not phases:
        return Keeping(keep=Keep.RECOMPUTE)
    most = max(engine.frozen_bytes_per_px(phase) for phase in phases)
    return Keeping(keep=Keep.DISK, phases=tuple(phases), disk_bytes=int(pixels * most))


def room_for_features(
    folder: Path, grid: TileGrid, *, sample_bytes: int, allowed_bytes: int | None = None
) -> int:
    """Free bytes of scratch that canvas, strips and a reserve leave over, `allowed_bytes` at most.

    Raises `ScratchFull` when not even those fit.
    """
    needed, free = needed_bytes(grid, sample_bytes=sample_bytes), shutil.disk_usage(folder).free
    if needed > free:
        raise ScratchFull(str(folder), needed, free)
    room = max(0, free - needed - RESERVE_BYTES)
    return room if allowed_bytes is None else min(room, allowed_bytes)


def needed_bytes(grid: TileGrid, *, sample_bytes: int) -> int:
    """What canvas and strips of a picture take on scratch."""
    canvas = grid.width * grid.height * 3 * sample_bytes
    return canvas + _shared_pixels(grid, grid) * FLOAT_PIXEL_BYTES


def input_pixels(grid: TileGrid) -> int:
    """Pixels that all tiles read, what they share counted for each."""
    return sum(tile.input.height * tile.input.width for tile in grid)


def _shared_pixels(grid: TileGrid, tiles: Iterable[Tile]) -> int:
    """At most what all tiles write into strips."""
    if not grid.overlap_px:
        return 0
    return sum(
        tile.reach.height * tile.reach.width
        - max(0, tile.core.height - grid.overlap_px) * max(0, tile.core.width - grid.overlap_px)
        for tile in tiles
    )
