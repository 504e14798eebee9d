"""The canvas: takes tiles in any order, writes what one tile owns at once, blends shared strips at the end.

Writing cores directly and blending only strips needs a fraction of the memory of a weighted sum over the
whole picture. The two ramps of a strip are `r` and `1 - r`, so weights sum to one by construction.
Strips wait in a folder, so that several processes may add tiles; their files say who painted which tile.
"""

import os
import shutil
from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from giornata.atomic_file import atomic_write
from giornata.workers.errors import FULL, IncompleteCanvas, ScratchFull
from giornata.workers.tiling.arrays import release_pages
from giornata.workers.tiling.grid import Box, Tile, TileGrid


class Ramp(StrEnum):
    """The shape of the transition."""

    LINEAR = "linear"
    COSINE = "cosine"


def rising(length: int, ramp: Ramp) -> NDArray[np.float32]:
    """The weight of the later neighbour across a strip of `length` px: float32, rising inside 0..1."""
    t = (np.arange(length, dtype=np.float32) + 0.5) / length
    shaped = t if ramp is Ramp.LINEAR else 0.5 - 0.5 * np.cos(np.pi * t)
    return shaped.astype(np.float32)


class Segment(NamedTuple):
    """A stretch of one axis and the one or two tile rows (or columns) that own it."""

    start: int
    stop: int
    owners: tuple[int, ...]


def segments(cuts: tuple[int, ...], overlap_px: int) -> Iterator[Segment]:
    """Split an axis into what one tile owns alone and the strips two share, in order, without gaps."""
    half, last = overlap_px // 2, len(cuts) - 2
    for i in range(last + 1):
        start = cuts[i] + (half if i else 0)
        stop = cuts[i + 1] - (half if i < last else 0)
        if stop > start:
            yield Segment(start, stop, (i,))
        if i < last and half:
            yield Segment(cuts[i + 1] - half, cuts[i + 1] + half, (i, i + 1))


def weights(segment: Segment, ramp: Ramp) -> tuple[NDArray[np.float32], ...]:
    """One weight vector (float32, segment length) per owner of `segment`; they sum to one at every pixel."""
    length = segment.stop - segment.start
    if len(segment.owners) == 1:
        return (np.ones(length, dtype=np.float32),)
    later = rising(length, ramp)
    return (1 - later, later)


WORKER = "painter"  # in a tile's strip file: the one that painted it
STRIPS = "strips-"
Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]


def quantised(pixels: NDArray[np.float32], dtype: np.dtype) -> Pixels:
    """Float 0..1 -> the canvas's depth, rounded to nearest; floats pass through unclipped."""
    if dtype == np.float32:
        return pixels
    top = np.iinfo(dtype).max
    return np.clip(np.rint(pixels * top), 0, top).astype(dtype)


def new_canvas(path: Path, height: int, width: int, dtype: np.dtype | type) -> Path:
    """Create an empty picture file (.npy, height x width x 3) to be filled in place.

    Its space is taken at once: a full disk would end a process that writes through a map. Raises
    `ScratchFull`.
    """
    pixels = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(height, width, 3))
    needed = pixels.offset + pixels.nbytes
    del pixels
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, needed)
        except OSError as error:
            if error.errno in FULL:
                free = shutil.disk_usage(path.parent).free
                raise ScratchFull(str(path.parent), needed, free) from error
            raise
    return path


class Canvas:
    """The output of one picture: an array on disk and the strips still to be blended into it.

    `pixels` is uint8, uint16 or float32, height x width x 3 (the picture's true size, not the padded one);
    `strips` is a folder that lives as long as the render. What this process adds is noted as `worker`'s.
    """

    def __init__(
        self,
        grid: TileGrid,
        pixels: Pixels,
        strips: Path,
        *,
        ramp: Ramp = Ramp.COSINE,
        worker: str = "",
    ) -> None:
        self.grid, self.pixels, self.strips, self.ramp = grid, pixels, strips, ramp
        self.worker = worker
        self.row_segments = tuple(segments(grid.rows, grid.overlap_px))
        self.column_segments = tuple(segments(grid.columns, grid.overlap_px))
        strips.mkdir(parents=True, exist_ok=True)

    def add(self, tile: Tile, styled: NDArray[np.float32]) -> None:
        """Take one tile: float32 0..1, the size of `tile.reach`. Adding a tile again changes nothing."""
        shared: dict[str, NDArray[np.float32]] = {}
        for rows, columns in self._cells(tile):
            box = Box(rows.start, columns.start, rows.stop, columns.stop)
            piece = styled[box.within(tile.reach)]
            if len(rows.owners) == len(columns.owners) == 1:
                self._write(box, piece)
            else:
                shared[cell_name(rows, columns)] = piece
        release_pages(self.pixels)
        self._keep(tile, shared)

    def skip(self, tile: Tile) -> None:
        """Do without a tile where nobody will look: its pixels stay as they are, or are any."""
        self._keep(tile, {})

    def finish(self) -> Pixels:
        """Blend the strips, in tile order whatever order they came in. Raises `IncompleteCanvas`."""
        missing = [tile.index for tile in self.grid if not self._strip_file(tile.index).is_file()]
        if missing:
            raise IncompleteCanvas(len(missing), len(self.grid), missing[0])
        for rows in self.row_segments:
            shared = [c for c in self.column_segments if len(rows.owners) + len(c.owners) > 2]
            for columns in shared:
                self._blend(rows, columns)
            release_pages(self.pixels)
        return self.pixels

    def holds(self, tile: Tile) -> bool:
        """Whether `tile` has been added, by this process or another."""
        return self._strip_file(tile.index).is_file()

    def _cells(self, tile: Tile) -> list[tuple[Segment, Segment]]:
        rows = [s for s in self.row_segments if tile.row in s.owners]
        columns = [s for s in self.column_segments if tile.column in s.owners]
        return list(product(rows, columns))

    def _blend(self, rows: Segment, columns: Segment) -> None:
        name = cell_name(rows, columns)
        across, down = weights(columns, self.ramp), weights(rows, self.ramp)
        total = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.float32)
        for (i, row), (j, column) in product(enumerate(rows.owners), enumerate(columns.owners)):
            index = row * (len(self.grid.columns) - 1) + column
            with np.load(self._strip_file(index)) as pieces:
                if name in pieces:  # a tile that was skipped has none
                    total += (down[i][:, None] * across[j])[:, :, None] * pieces[name]
        self._write(Box(rows.start, columns.start, rows.stop, columns.stop), total)

    def _write(self, box: Box, piece: NDArray[np.float32]) -> None:
        """Store what lies inside the true picture; the padding falls off here."""
        height, width = self.pixels.shape[:2]
        inside = piece[: max(0, height - box.top), : max(0, width - box.left)]
        if inside.size:
            rows = slice(box.top, box.top + inside.shape[0])
            columns = slice(box.left, box.left + inside.shape[1])
            self.pixels[rows, columns] = quantised(inside, self.pixels.dtype)

    def _strip_file(self, index: int) -> Path:
        return self.strips / f"{STRIPS}{index:06d}.npz"

    def _keep(self, tile: Tile, shared: dict[str, NDArray[np.float32]]) -> None:
        """Written last and renamed: its presence says that the whole tile is in."""
        with atomic_write(self._strip_file(tile.index)) as part, part.open("wb") as file:
            np.savez(file, **{WORKER: np.array(self.worker)}, **shared)  # type: ignore[arg-type]


def cell_name(rows: Segment, columns: Segment) -> str:
    """The name of a shared piece in a tile's strip file."""
    return f"r{rows.start}c{columns.start}"


MOST = 4096  # tiles whose painters a record names


class PaintedTile(BaseModel):
    """A tile that is there: seconds since the first one, and since its worker's last one if there was any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    worker: str
    at_s: float
    took_s: float | None = None


def tile_records(strips: Path) -> tuple[PaintedTile, ...]:
    """The tiles whose strips lie in a folder, in the order they came. Raises `OSError`, `ValueError`."""
    files = sorted((path.stat().st_mtime, path) for path in strips.glob(f"{STRIPS}*.npz"))
    before: dict[str, float] = {}
    tiles = []
    for at, path in files:
        with np.load(path) as pieces:
            worker = str(pieces[WORKER]) if WORKER in pieces else ""
        took_s = round(at - before[worker], 2) if worker in before else None
        index = int(path.stem.removeprefix(STRIPS))
        tiles.append(PaintedTile(index=index, worker=worker, at_s=round(at - files[0][0], 2), took_s=took_s))
        before[worker] = at
    return tuple(tiles)
