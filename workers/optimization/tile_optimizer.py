"""The tiles of one scale of an optimisation that one process works on, and what each round does to them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeVar

import torch
from torch import Tensor

from giornata.styles.moments import summed
from giornata.styles.optimization.coordinator import Operation, Superstep
from giornata.styles.optimization.losses import LayerSums, TileSums
from giornata.styles.optimization.objective import LayerGradients, LossParts, Objective
from giornata.styles.optimization.optimizer_shard import DotProducts, OptimizerShard, Order, in_memory
from giornata.styles.optimization.tile import TileWork
from giornata.styles.perception.encoder import Encoder
from giornata.styles.threads import one_thread
from giornata.workers.errors import WorkerBug
from giornata.workers.optimization.arrays import ScaleArrays
from giornata.workers.optimization.vectors import VectorRoom, vectors_of
from giornata.workers.tiling.arrays import silent
from giornata.workers.tiling.grid import Tile
from giornata.workers.tiling.parallel import run_parallel

T = TypeVar("T")
GRADIENTS = "signals"
VECTOR_PIXEL_BYTES = 12  # three float32


@dataclass(eq=False)
class TileOptimizer:
    """Works on tiles of `arrays`; sums and signals travel by files beside them, numbers by return value.

    Features stay between forward and backward while they fit `memory_bytes`; the others are computed again.
    `masks` are those of regions, float, padded height x padded width. A tile's part of the optimiser comes
    from `checkpoint` if there is one, and lies where `room` says. On a CPU `lanes` tiles are worked on at a
    time, each on one thread. `tick` is called after every tile; what it raises ends the work.
    """

    encoder: Encoder
    objective: Objective
    arrays: ScaleArrays
    memory_bytes: int
    device: str = "cpu"
    masks: dict[int, Tensor] = field(default_factory=dict)
    checkpoint: Path | None = None
    tick: Callable[[], None] = silent
    room: VectorRoom | None = None
    lanes: int = 1
    _work: dict[int, TileWork] = field(default_factory=dict)
    _shards: dict[int, OptimizerShard] = field(default_factory=dict)
    _kept_bytes: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def run(self, superstep: Superstep, tiles: Iterable[int]) -> LossParts | dict[int, DotProducts] | None:
        """One superstep for the tiles of these indexes."""
        match superstep.verb:
            case Operation.FORWARD:
                self._kept_bytes = 0.0
                self._each(tiles, self._forward)
            case Operation.REDUCE:
                with one_thread():
                    return self._reduce()
            case Operation.BACKWARD:
                gradients = gradients_from(self.arrays.kept(GRADIENTS))
                self._each(tiles, lambda tile: self._backward(tile, gradients))
            case Operation.DOT:
                indexes = list(tiles)
                return dict(zip(indexes, self._each(indexes, self._take), strict=True))
            case Operation.UPDATE if superstep.order is not None:
                order = superstep.order
                self._each(tiles, lambda tile: self._apply(tile, order))
            case _:
                raise WorkerBug(f"running superstep {superstep.verb}", "no order came with it")
        return None

    def save(self, tiles: Iterable[int], folder: Path) -> None:
        """Write these tiles' part of the optimiser: lossless, one file a tile."""
        for index in tiles:
            shard = self._shard(self.arrays.grid[index])
            torch.save(shard.state(), folder / state_name(index))
            self._rest(shard)

    def finish(self, tiles: Iterable[int]) -> None:
        """Put these tiles' results into the picture."""
        for index in tiles:
            tile = self.arrays.grid[index]
            self.arrays.write_core(tile, self._shard(tile).result)
            self._rest(self._shard(tile))

    def _each(self, tiles: Iterable[int], work: Callable[[Tile], T]) -> list[T]:
        # Features of tiles at work together that are not kept must fit as well.
        room = max(1, int(self.memory_bytes / 2 / max(1.0, self._largest_bytes)))
        lanes = min(self.lanes, room) if self.device == "cpu" else 1
        return run_parallel([self.arrays.grid[index] for index in tiles], work, lanes=lanes, tick=self.tick)

    @cached_property
    def _largest_bytes(self) -> float:
        """Bytes of the features of the largest tile."""
        weight = self.encoder.architecture.bytes_per_px(self.objective.options.layers, 4)
        return weight * max(tile.input.height * tile.input.width for tile in self.arrays.grid)

    def _pixels(self, tile: Tile) -> Tensor:
        return self.arrays.tile_of(self.arrays.picture, tile.input).to(self.device)

    def _work_of(self, tile: Tile) -> TileWork:
        if tile.index not in self._work:
            rows, columns = slice(tile.input.top, tile.input.bottom), slice(tile.input.left, tile.input.right)
            masks = {region: mask[rows, columns].to(self.device) for region, mask in self.masks.items()}
            work = TileWork(
                self.encoder,
                self.objective.options,
                tile.core.within(tile.input),
                self.objective.regions,
                masks,
            )
            work.look_at_content(self.arrays.tile_of(self.arrays.content, tile.input).to(self.device))
            self._work[tile.index] = work
        return self._work[tile.index]

    def _shard(self, tile: Tile) -> OptimizerShard:
        if tile.index not in self._shards:
            keep = self._keeper(tile) or in_memory
            if self.checkpoint is None:
                shard = OptimizerShard(
                    self.arrays.tile_of(self.arrays.picture, tile.core).to(self.device), keep
                )
            else:
                path = self.checkpoint / state_name(tile.index)
                shard = OptimizerShard.restored(
                    torch.load(path, weights_only=True, map_location=self.device), keep
                )
            self._shards[tile.index] = shard
        return self._shards[tile.index]

    def _keeper(self, tile: Tile) -> Callable[[Tensor], Tensor] | None:
        if self.room is None:
            return None
        pixels = tile.core.height * tile.core.width
        with self._lock:
            return self.room.keeper(pixels * VECTOR_PIXEL_BYTES * vectors_of(self.objective.options))

    def _rest(self, shard: OptimizerShard) -> None:
        if self.room is not None:
            self.room.rest(shard.state().values())

    def _forward(self, tile: Tile) -> None:
        pixels, layers = self._pixels(tile), self.objective.options.layers
        weight = self.encoder.architecture.bytes_per_px(layers, pixels.itemsize)
        needed = weight * tile.input.height * tile.input.width
        with self._lock:
            keep = self._kept_bytes + needed <= self.memory_bytes
            self._kept_bytes += needed if keep else 0
        sums = self._work_of(tile).forward(pixels, keep=keep)
        self.arrays.keep(sums_name(tile.index), sums_record(sums))

    def _reduce(self) -> LossParts:
        every = range(len(self.arrays.grid))
        sums = summed(sums_from(self.arrays.kept(sums_name(index))) for index in every)
        parts, gradients = self.objective.evaluate(sums)
        self.arrays.keep(GRADIENTS, gradients_record(gradients))
        return parts

    def _backward(self, tile: Tile, gradients: LayerGradients) -> None:
        gradient = self._work_of(tile).backward(self._pixels(tile), gradients)
        self.arrays.write_gradient(tile, gradient)

    def _take(self, tile: Tile) -> DotProducts:
        shard = self._shard(tile)
        products = shard.take(self.arrays.gathered(tile).to(self.device))
        self._rest(shard)
        return products

    def _apply(self, tile: Tile, order: Order) -> None:
        shard = self._shard(tile)
        shard.apply(order)
        self.arrays.write_core(tile, shard.picture)
        self._rest(shard)


def state_name(index: int) -> str:
    """The file of a tile's part of the optimiser."""
    return f"tile-{index:05d}.pt"


def sums_name(index: int) -> str:
    """The name that a tile's sums are kept under."""
    return f"sums-{index:05d}"


def sums_record(sums: TileSums) -> dict[str, object]:
    """Sums as plain values and tensors."""
    styles = {
        f"{region}/{layer}": (layer_sums.weight, layer_sums.total, layer_sums.products)
        for (region, layer), layer_sums in sums.styles.items()
    }
    return {
        "styles": styles,
        "content": sums.content,
        "energy": sums.energy,
        "variation": sums.variation,
    }


def sums_from(record: dict[str, object]) -> TileSums:
    """The inverse of `sums_record`."""
    styles: dict[str, tuple[float, Tensor, Tensor]] = record["styles"]  # type: ignore[assignment]
    named = {_key(name): LayerSums(*value) for name, value in styles.items()}
    return TileSums(named, record["content"], record["energy"], record["variation"])  # type: ignore[arg-type]


def gradients_record(gradients: LayerGradients) -> dict[str, object]:
    """Signals as plain values and tensors."""
    styles = {f"{region}/{layer}": value for (region, layer), value in gradients.styles.items()}
    return {"styles": styles, "content": gradients.content, "variation": gradients.variation}


def gradients_from(record: dict[str, object]) -> LayerGradients:
    """The inverse of `gradients_record`."""
    styles: dict[str, tuple[Tensor, Tensor]] = record["styles"]  # type: ignore[assignment]
    named = {_key(name): value for name, value in styles.items()}
    return LayerGradients(named, record["content"], record["variation"])  # type: ignore[arg-type]


def _key(name: str) -> tuple[int, str]:
    region, _, layer = name.partition("/")
    return int(region), layer


def sum_products(parts: dict[int, DotProducts]) -> DotProducts:
    """Products of all tiles, added in tile order."""
    indexes = sorted(parts)
    total = parts[indexes[0]]
    for index in indexes[1:]:
        total = total + parts[index]
    return total
