"""The universal engine: statistics of any picture imposed level by level, as a program of phases over tiles.

Phase p exchanges sums of level L - p, from the deepest level L up: counts, sums and sums of products over the
cores. From the totals one affine map a level follows (`transform`), computed once; each tile applies it and
goes on to the next level. The last map and the last block of the decoder make the pixels.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from giornata.styles.engine import Core, TileSnapshot
from giornata.styles.errors import BadStatistics
from giornata.styles.moments import Moments
from giornata.styles.universal.network import (
    LEVELS,
    MIN_SIDE,
    STRIDE,
    NetworkReach,
    UniversalNetwork,
    rounded_up,
    structure_share,
)
from giornata.styles.universal.run import UniversalRun
from giornata.styles.universal.stages import Affine, BlockRunner, ConvolutionStep, Doubling, MapOperation
from giornata.styles.universal.statistics import StyleStatistics, check_network, level_statistics
from giornata.styles.universal.transform import TransformKind, affine_map

CPU_BLOCK_PX = 128
CUDA_BLOCK_PX = 2048
MAPS_KEPT = 64  # of the last totals seen: a mosaic of small pictures has many


@dataclass(frozen=True)
class UniversalOptions:
    """How far a style goes.

    `strength` is 0 (the source's pixels) to 1. `levels` is the deepest level that is repainted, 1 (colours)
    to 5 (composition). `structure` keeps that share of the photograph's own features on the way back:
    portraits want some.
    """

    strength: float = 1.0
    levels: int = LEVELS - 1
    structure: float = 0.1
    transform: TransformKind = TransformKind.WHITEN


class UniversalEngine:
    """One mix of styles, ready to run; safe to share between tiles and threads."""

    stride = STRIDE
    min_side = MIN_SIDE

    def __init__(
        self,
        network: UniversalNetwork,
        styles: Sequence[StyleStatistics],
        shares: Sequence[float],
        *,
        identity: str = "",
        options: UniversalOptions | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        block_px: int | None = None,
        threads: int = 1,
    ) -> None:
        """`identity` is the hash of the network's encoder, which the statistics must be of."""
        check_network(styles, identity)
        self.options = options or UniversalOptions()
        self.styles = tuple(styles)
        self.shares = tuple(share / sum(shares) for share in shares)
        self.device, self.dtype = torch.device(device), dtype
        self.network = network.eval().to(self.device, dtype).to(memory_format=torch.channels_last)
        block = block_px or (CPU_BLOCK_PX if self.device.type == "cpu" else CUDA_BLOCK_PX)
        self.runner = BlockRunner(block, threads)
        self._maps: dict[str, Affine] = {}
        self._lock = Lock()

    @property
    def phases(self) -> int:
        """One exchange a level."""
        return self.options.levels

    @property
    def halo_px(self) -> int:
        """The reach of the network to the deepest level; multiples of the stride."""
        return rounded_up(NetworkReach(self.options.levels, self.network.shape).halo_px, STRIDE)

    @property
    def bytes_per_px(self) -> int:
        """Peak of a tile: pixels, the maps around the last stage, and the encoder's own if they are kept."""
        first, second, *_ = self.network.shape.widths
        maps = first + second / 4 + max(self._kept_channels, first)
        return int(maps * self.dtype.itemsize + 2 * 12)

    @property
    def _kept_channels(self) -> float:
        return sum(
            self.width(level) / 4 ** (level - 1) for level in range(1, self.phases) if self.kept_share(level)
        )

    def width(self, level: int) -> int:
        """Channels of a level."""
        return self.network.shape.widths[level - 1]

    def kept_share(self, level: int) -> float:
        """The share of the photograph's own features at `level`, on the way back."""
        return structure_share(level, self.options.structure) if level < self.phases else 0.0

    def level_at(self, phase: int) -> int:
        """The level whose sums are exchanged in `phase`."""
        return self.options.levels - phase

    def open(self, pixels: Tensor, core: Core) -> UniversalRun:
        """Begin a tile; see `Engine.open`."""
        return UniversalRun.opened(self, pixels, core)

    def thaw(self, frozen: TileSnapshot, height: int, core: Core) -> UniversalRun:
        """Go on with a tile; see `Engine.thaw`."""
        return UniversalRun.thawed(self, frozen, core)

    def frozen_bytes_per_px(self, phase: int) -> float:
        """See `Engine.frozen_bytes_per_px`: one level's map, and the pixels."""
        level = self.level_at(phase)
        return self.width(level) / 4 ** (level - 1) * self.dtype.itemsize + 12

    def work_per_px(self, phase: int) -> float:
        """See `Engine.work_per_px`."""
        if phase == 0:
            return self._work_to(self.phases)
        return chain_work(self.decoding(self.level_at(phase - 1)), self.level_at(phase - 1))

    def thawing_per_px(self, phase: int) -> float:
        """See `Engine.thawing_per_px`: the encoder's maps are made again where structure is kept."""
        levels = [level for level in range(1, self.level_at(phase)) if self.kept_share(level)]
        return self._work_to(max(levels, default=0))

    def _work_to(self, level: int) -> float:
        """Multiplications per pixel of the encoder to `level`."""
        return sum(chain_work(self.encoding(depth), max(1, depth - 1)) for depth in range(1, level + 1))

    def encoding(self, level: int) -> list[MapOperation]:
        """Operations that make the features of `level` from those above it (level 1: from pixels)."""
        opening = self.network.opening(level)
        if level == 1:
            return [ConvolutionStep(opening)]
        first, *rest = (*self.network.inner(level - 1), opening)
        begin = ConvolutionStep(first, rectified=not self.network.shape.is_picture)
        return [begin, *(ConvolutionStep(conv, rectified=True) for conv in rest)]

    def decoding(self, level: int) -> list[MapOperation]:
        """Operations that make the features of `level` - 1 (level 1: pixels) from those of `level`."""
        first = ConvolutionStep(self.network.reducer(level))
        if level == 1:
            return [first, ConvolutionStep(self.network.last, rectified=True)]
        head, *tail = self.network.refiners(level)
        rest = [ConvolutionStep(conv, rectified=True) for conv in tail]
        return [first, Doubling(), ConvolutionStep(head), *rest]

    def affine(self, phase: int, total: Moments) -> Affine:
        """The map that follows from a phase's total; computed once for all tiles. Raises `BadStatistics`."""
        level = self.level_at(phase)
        if len(total.total) != self.width(level):
            raise BadStatistics(f"sums of {len(total.total)} channels", f"{self.width(level)}")
        parts = (total.total.tobytes(), total.squares.tobytes(), f"{phase} {total.count}".encode())
        key = hashlib.blake2b(b"\n".join(parts)).hexdigest()
        with self._lock:
            if key not in self._maps:
                while len(self._maps) >= MAPS_KEPT:
                    self._maps.pop(next(iter(self._maps)))
                self._maps[key] = self._affine(level, total)
            return self._maps[key]

    def _affine(self, level: int, total: Moments) -> Affine:
        targets = [style.levels[level - 1] for style in self.styles]
        whole = affine_map(level_statistics(total), targets, self.shares, kind=self.options.transform).toward(
            self.options.strength
        )
        matrix, offset = (
            torch.from_numpy(part).to(self.device, self.dtype) for part in (whole.matrix, whole.offset)
        )
        return Affine(matrix[:, :, None, None].contiguous(), offset)


def chain_work(chain: Sequence[MapOperation], level: int) -> float:
    """Multiplications of a chain per pixel of the picture, when its input lies at `level`."""
    area, total = 0.25 ** (level - 1), 0.0
    for operation in chain:
        scale = operation.size(1024) / 1024
        area *= scale**2
        if isinstance(operation, ConvolutionStep):
            total += operation.layer.weight.numel() * area
    return total
