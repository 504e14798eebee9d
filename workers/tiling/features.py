"""Features of tiles between phases, when they outgrow memory: which phases are worth the disk, and the files.

Without them every phase begins again at the pixels, which costs seven times the work of the network. With
all of them the disk is the slow part. `checkpoints` weighs one against the other.
"""

import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from giornata.atomic_file import atomic_write
from giornata.styles.engine import Engine, TileSnapshot
from giornata.styles.moments import Moments
from giornata.workers.errors import FULL, ScratchFull
from giornata.workers.tiling.feature_plan import FeaturePlacement, FeaturePlan
from giornata.workers.tiling.grid import Tile, TileGrid

# How many multiplications the CPU does while the disk moves a byte; see docs/decisions/0007.
WORK_PER_BYTE = 150.0
NATIVE = {torch.bfloat16: torch.int16}  # numpy has no word for it


def checkpoints(
    engine: Engine, *, bytes_per_px: float, work_per_byte: float = WORK_PER_BYTE
) -> frozenset[int]:
    """The phases at which tiles are written to disk: what makes all phases together cheapest.

    No tile takes more than `bytes_per_px` per pixel of its input. Where a tile is written never shows in
    the picture, only in the time.
    """
    work = [engine.work_per_px(phase) for phase in range(engine.phases + 1)]

    @cache
    def best(phase: int, at: int) -> tuple[float, frozenset[int]]:
        """Cost and checkpoints from `phase` on, when the newest checkpoint is at phase `at` (-1: none)."""
        if phase > engine.phases:
            return 0.0, frozenset()
        reach = sum(work[at + 1 : phase + 1])
        if at >= 0:
            reach += engine.thawing_per_px(at) + engine.frozen_bytes_per_px(at) * work_per_byte
        skipped = best(phase + 1, at)
        plain = reach + skipped[0], skipped[1]
        weight = engine.frozen_bytes_per_px(phase) if phase < engine.phases else bytes_per_px + 1
        if weight > bytes_per_px:
            return plain
        later = best(phase + 1, phase)
        written = reach + weight * work_per_byte + later[0], later[1] | {phase}
        return min(plain, written, key=lambda option: option[0])

    return best(0, -1)[1]


@dataclass(frozen=True)
class FeatureFiles:
    """The frozen tiles of one picture in a folder that all its workers share.

    A file is renamed when whole, and a tile's older ones go then: at any moment one of them is complete.
    """

    folder: Path
    phases: Collection[int]

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def save(self, index: int, frozen: TileSnapshot) -> bool:
        """Write a tile; false when the disk is full, which costs time and nothing else."""
        try:
            with atomic_write(self._file(index, frozen.phase)) as part, part.open("wb") as file:
                _write(file, frozen)
        except OSError as error:
            if error.errno in FULL:
                return False
            raise
        self.drop(index, before=frozen.phase)
        return True

    def load(self, index: int, phase: int) -> TileSnapshot | None:
        """The newest snapshot of a tile, of `phase` at most; None when there is none."""
        for at in sorted(self.phases, reverse=True):
            if at <= phase:
                try:
                    with self._file(index, at).open("rb") as file:
                        return _read(file, at)
                except FileNotFoundError:
                    continue
        return None

    def drop(self, index: int, *, before: int) -> None:
        """Remove the snapshots of a tile before phase `before`."""
        for phase in self.phases:
            if phase < before:
                self._file(index, phase).unlink(missing_ok=True)

    def _file(self, index: int, phase: int) -> Path:
        return self.folder / f"{index:06d}-{phase:02d}.features"


def _write(file: BinaryIO, frozen: TileSnapshot) -> None:
    moments = frozen.moments
    head = np.array([moments.count, len(frozen.tensors)], np.int64)
    for array in (head, moments.total, moments.squares):
        np.save(file, array)
    for tensor in frozen.tensors:
        np.save(file, tensor.view(NATIVE.get(tensor.dtype, tensor.dtype)).numpy())


def _read(file: BinaryIO, phase: int) -> TileSnapshot:
    count, maps = np.load(file)
    total, squares = (np.load(file) for _ in range(2))
    tensors = tuple(_native(np.load(file)) for _ in range(maps))
    return TileSnapshot(phase, Moments(int(count), total, squares), tensors)


def _native(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor


GIB = 1 << 30
RESIDENT_SHARE = 0.55  # of a tile's peak: what its features weigh between phases in memory
FLOAT_PIXEL_BYTES = 12  # strips wait as three float32
RESERVE_BYTES = GIB  # stays free for everybody else
SAY_AT_BYTES = 100_000_000  # below this nobody need know


def plan_features(
    engine: Engine, grid: TileGrid, *, memory_bytes: int, sharers: int, disk_bytes: int
) -> FeaturePlan:
    """Memory when all tiles fit that of all `sharers`, else the cheapest that `disk_bytes` allows."""
    pixels = input_pixels(grid)
    resident = int(pixels * engine.bytes_per_px * RESIDENT_SHARE)
    if len(grid) == 1 or resident <= memory_bytes * sharers:
        return FeaturePlan(memory_bytes=resident)
    phases = sorted(checkpoints(engine, bytes_per_px=disk_bytes / pixels))
    if not phases:
        return FeaturePlan(keep=FeaturePlacement.RECOMPUTE)
    most = max(engine.frozen_bytes_per_px(phase) for phase in phases)
    return FeaturePlan(keep=FeaturePlacement.DISK, phases=tuple(phases), disk_bytes=int(pixels * most))


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
    """Bytes of the canvas and strips of a picture on scratch."""
    canvas = grid.width * grid.height * 3 * sample_bytes
    return canvas + _shared_pixels(grid, grid) * FLOAT_PIXEL_BYTES


def input_pixels(grid: TileGrid) -> int:
    """Pixels that all tiles read, what they share counted for each."""
    return sum(tile.input.height * tile.input.width for tile in grid)


def _shared_pixels(grid: TileGrid, tiles: Iterable[Tile]) -> int:
    """At most the pixels that all tiles write into strips."""
    if not grid.overlap_px:
        return 0
    return sum(
        tile.reach.height * tile.reach.width
        - max(0, tile.core.height - grid.overlap_px) * max(0, tile.core.width - grid.overlap_px)
        for tile in tiles
    )
