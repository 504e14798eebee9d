"""The tiles of one scale of an optimisation that one process works on, and what each round does to them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeVar

import torch
from torch import Tensor

from giornata.styles.optimization.coordinator import Round, Verb
from giornata.styles.optimization.losses import LayerSums, TileSums, summed
from giornata.styles.optimization.objective import LossParts, Objective, Signals
from giornata.styles.optimization.optimizer_shard import Order, Products, Shard, in_memory
from giornata.styles.optimization.tile import TileWork
from giornata.styles.perception.encoder import Encoder
from giornata.styles.threads import one_thread
from giornata.workers.errors import WorkerBug
from giornata.workers.optimization.arrays import ScaleArrays
from giornata.workers.optimization.vectors import VectorRoom, vectors_of
from giornata.workers.tiling.executor import silent
from giornata.workers.tiling.grid import Tile
from giornata.workers.tiling.parallel import run_parallel

T = TypeVar("T")
SIGNALS = "signals"
VECTOR_PIXEL_BYTES = 12  # three float32


@dataclass(eq=False)
class TileOptimizer:
    """Works on tiles of `plates`; sums and signals travel by files beside them, numbers by return value.

    Features stay between forward and backward while they fit `memory_bytes`; the others are computed again.
    `masks` are those of regions, float, padded height x padded width. A tile's part of the optimiser comes
    from `checkpoint` if there is one, and lies where `room` says. On a CPU `lanes` tiles are worked on at a
    time, each on one thread. `tick` is called after every tile; what it raises ends the work.
    """

    encoder: Encoder
    objective: Objective
    plates: ScaleArrays
    memory_bytes: int
    device: str = "cpu"
    masks: dict[int, Tensor] = field(default_factory=dict)
    checkpoint: Path | None = None
    tick: Callable[[], None] = silent
    room: VectorRoom | None = None
    lanes: int = 1
    _work: dict[int, TileWork] = field(default_factory=dict)
    _shards: dict[int, Shard] = field(default_factory=dict)
    _kept_bytes: float = 0.0
    _book: Lock = field(default_factory=Lock)

    def play(self, asked: Round, tiles: Iterable[int]) -> LossParts | dict[int, Products] | None:
        """One round for the tiles of these indexes."""
        match asked.verb:
            case Verb.FORWARD:
                self._kept_bytes = 0.0
                self._each(tiles, self._forward)
            case Verb.EVALUATE:
                with one_thread():
                    return self._evaluate()
            case Verb.BACKWARD:
                signals = signals_from(self.plates.kept(SIGNALS))
                self._each(tiles, lambda tile: self._backward(tile, signals))
            case Verb.TAKE:
                indexes = list(tiles)
                return dict(zip(indexes, self._each(indexes, self._take), strict=True))
            case Verb.OBEY if asked.order is not None:
                order = asked.order
                self._each(tiles, lambda tile: self._obey(tile, order))
            case _:
                raise WorkerBug(f"playing round {asked.verb}", "no order came with it")
        return None

    def save(self, tiles: Iterable[int], folder: Path) -> None:
        """Write these tiles' part of the optimiser: lossless, one file a tile."""
        for index in tiles:
            shard = self._shard(self.plates.grid[index])
            torch.save(shard.state(), folder / state_name(index))
            self._rest(shard)

    def finish(self, tiles: Iterable[int]) -> None:
        """Put these tiles' results into the picture."""
        for index in tiles:
            tile = self.plates.grid[index]
            self.plates.write_core(tile, self._shard(tile).result)
            self._rest(self._shard(tile))

    def _each(self, tiles: Iterable[int], work: Callable[[Tile], T]) -> list[T]:
        # Of tiles that are at work together, what is not kept must fit as well.
        room = max(1, int(self.memory_bytes / 2 / max(1.0, self._largest_bytes)))
        lanes = min(self.lanes, room) if self.device == "cpu" else 1
        return run_parallel([self.plates.grid[index] for index in tiles], work, lanes=lanes, tick=self.tick)

    @cached_property
    def _largest_bytes(self) -> float:
        """What the features of the largest tile weigh."""
        weight = self.encoder.architecture.bytes_per_px(self.objective.options.layers, 4)
        return weight * max(tile.input.height * tile.input.width for tile in self.plates.grid)

    def _pixels(self, tile: Tile) -> Tensor:
        return self.plates.tile_of(self.plates.picture, tile.input).to(self.device)

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
            work.look_at_content(self.plates.tile_of(self.plates.content, tile.input).to(self.device))
            self._work[tile.index] = work
        return self._work[tile.index]

    def _shard(self, tile: Tile) -> Shard:
        if tile.index not in self._shards:
            keep = self._keeper(tile) or in_memory
            if self.checkpoint is None:
                made = Shard(self.plates.tile_of(self.plates.picture, tile.core).to(self.device), keep)
            else:
                path = self.checkpoint / state_name(tile.index)
                made = Shard.restored(torch.load(path, weights_only=True, map_location=self.device), keep)
            self._shards[tile.index] = made
        return self._shards[tile.index]

    def _keeper(self, tile: Tile) -> Callable[[Tensor], Tensor] | None:
        if self.room is None:
            return None
        pixels = tile.core.height * tile.core.width
        with self._book:
            return self.room.keeper(pixels * VECTOR_PIXEL_BYTES * vectors_of(self.objective.options))

    def _rest(self, shard: Shard) -> None:
        if self.room is not None:
            self.room.rest(shard.state().values())

    def _forward(self, tile: Tile) -> None:
        pixels, layers = self._pixels(tile), self.objective.options.layers
        weight = self.encoder.architecture.bytes_per_px(layers, pixels.itemsize)
        needed = weight * tile.input.height * tile.input.width
        with self._book:
            keep = self._kept_bytes + needed <= self.memory_bytes
            self._kept_bytes += needed if keep else 0
        sums = self._work_of(tile).forward(pixels, keep=keep)
        self.plates.keep(sums_name(tile.index), sums_record(sums))

    def _evaluate(self) -> LossParts:
        every = range(len(self.plates.grid))
        sums = summed(sums_from(self.plates.kept(sums_name(index))) for index in every)
        parts, signals = self.objective.evaluate(sums)
        self.plates.keep(SIGNALS, signals_record(signals))
        return parts

    def _backward(self, tile: Tile, signals: Signals) -> None:
        gradient = self._work_of(tile).backward(self._pixels(tile), signals)
        self.plates.write_gradient(tile, gradient)

    def _take(self, tile: Tile) -> Products:
        shard = self._shard(tile)
        products = shard.take(self.plates.gathered(tile).to(self.device))
        self._rest(shard)
        return products

    def _obey(self, tile: Tile, order: Order) -> None:
        shard = self._shard(tile)
        shard.obey(order)
        self.plates.write_core(tile, shard.picture)
        self._rest(shard)


def state_name(index: int) -> str:
    """The file of a tile's part of the optimiser."""
    return f"tile-{index:05d}.pt"


def sums_name(index: int) -> str:
    """What a tile's sums are kept under."""
    return f"sums-{index:05d}"


def sums_record(sums: TileSums) -> dict[str, object]:
    """Sums as plain values and tensors."""
    styles = {
        f"{region}/{layer}": (one.weight, one.total, one.products)
        for (region, layer), one in sums.styles.items()
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


def signals_record(signals: Signals) -> dict[str, object]:
    """Signals as plain values and tensors."""
    styles = {f"{region}/{layer}": value for (region, layer), value in signals.styles.items()}
    return {"styles": styles, "content": signals.content, "variation": signals.variation}


def signals_from(record: dict[str, object]) -> Signals:
    """The inverse of `signals_record`."""
    styles: dict[str, tuple[Tensor, Tensor]] = record["styles"]  # type: ignore[assignment]
    named = {_key(name): value for name, value in styles.items()}
    return Signals(named, record["content"], record["variation"])  # type: ignore[arg-type]


def _key(name: str) -> tuple[int, str]:
    region, _, layer = name.partition("/")
    return int(region), layer


def sum_products(parts: dict[int, Products]) -> Products:
    """Products of all tiles, added in tile order."""
    order = sorted(parts)
    total = parts[order[0]]
    for index in order[1:]:
        total = total + parts[index]
    return total
