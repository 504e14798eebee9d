"""The engine contract: every style is a bulk-synchronous program over tiles.

An engine runs in phases. In each, every tile returns additive moments over its core; the totals go back to
every tile. Once all totals are known a tile is a pure function of its pixels and those totals, which is why
any tile can be retried anywhere and come out identical.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from giornata.styles.errors import BadStatistics
from giornata.styles.moments import Moments, Totals

Core = tuple[slice, slice]  # rows and columns of the core inside the tile's pixels


@dataclass(frozen=True)
class TileSnapshot:
    """A tile between two phases, as it can lie on disk: what `Engine.thaw` needs to go on to the last bit.

    `tensors` are on the CPU and contiguous, in the engine's own order and type.
    """

    phase: int
    moments: Moments
    tensors: tuple[Tensor, ...]


class TileRun(Protocol):
    """One tile on its way through the phases; holds the tile's features between them."""

    def partial(self) -> Moments:
        """The core's moments for the phase just reached."""
        ...

    def advance(self, total: Moments) -> None:
        """Take the phase's total and go on to the next phase (or, after the last, to the output)."""
        ...

    def finish(self) -> Tensor:
        """The styled tile: float32, h x w x 3, 0..1. Raises `BadStatistics` before the last phase."""
        ...

    def freeze(self) -> TileSnapshot:
        """The tile as it is now, before `advance`; views of its memory, to be written before it goes on."""
        ...


class Engine(Protocol):
    """A style's program over tiles, and the context it needs around a core to be exact."""

    @property
    def stride(self) -> int:
        """Tile origins and sizes are multiples of this many px."""
        ...

    @property
    def halo_px(self) -> int:
        """Context that makes a core pixel exact: the receptive field, rounded up to the stride."""
        ...

    @property
    def min_side(self) -> int:
        """Smallest width and height the engine accepts, in px."""
        ...

    @property
    def phases(self) -> int:
        """Number of statistics exchanges."""
        ...

    @property
    def bytes_per_px(self) -> int:
        """Peak memory a tile takes per pixel of its input, for choosing tile sizes."""
        ...

    def open(self, pixels: Tensor, core: Core) -> TileRun:
        """Begin a tile: `pixels` float32, h x w x 3, sRGB 0..1, sides multiples of `stride`."""
        ...

    def thaw(self, frozen: TileSnapshot, height: int, core: Core) -> TileRun:
        """The run that was frozen; `height` and `core` are those of the pixels it was opened with."""
        ...

    def frozen_bytes_per_px(self, phase: int) -> float:
        """Bytes of a tile frozen at `phase` per pixel of its input."""
        ...

    def work_per_px(self, phase: int) -> float:
        """Multiplications per pixel that reach `phase` from the one before; `phases` stands for the end."""
        ...

    def thawing_per_px(self, phase: int) -> float:
        """Multiplications per pixel that thawing at `phase` does again."""
        ...


def replay(engine: Engine, pixels: Tensor, core: Core, totals: Sequence[Moments]) -> TileRun:
    """Bring a fresh tile to the phase that follows `totals`; how a tile is retried on another worker."""
    run = engine.open(pixels, core)
    for total in totals:
        run.advance(total)
    return run


def render_tile(engine: Engine, pixels: Tensor, core: Core, totals: Totals) -> Tensor:
    """The pure function: pixels and totals in, styled tile out (float32, h x w x 3, 0..1)."""
    if len(totals) != engine.phases:
        raise BadStatistics(f"{len(totals)} phases of totals", f"{engine.phases}")
    return replay(engine, pixels, core, totals).finish()


def collect_totals(engine: Engine, pixels: Tensor) -> Iterator[Moments]:
    """Totals of a picture taken as one tile, phase by phase: for thumbnails and reference pictures."""
    whole = (slice(0, pixels.shape[0]), slice(0, pixels.shape[1]))
    run = engine.open(pixels, whole)
    for _ in range(engine.phases):
        total = run.partial()
        yield total
        run.advance(total)
