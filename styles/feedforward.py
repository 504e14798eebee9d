"""The feed-forward engine: the transformer network as a program of phases over tiles.

It computes what `TransformerNetwork.forward` defines, block by block inside a tile, because a block whose
features stay in cache runs two to four times faster on a CPU than a whole feature map does.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from giornata.styles.engine import Core, Frozen
from giornata.styles.errors import UnknownStyle
from giornata.styles.feedforward_run import FeedForwardRun
from giornata.styles.network import MIN_SIDE, STRIDE, TransformerNetwork

CPU_BLOCK_PX = 128  # measured by `giornata bench blocks`: larger ones fall out of cache
MIN_BLOCK_PX = 32  # below this the borders weigh more than the block
LEAST_BLOCKS = 4  # small maps are cut finer, so that lanes have work; always alike, however many there are
CUDA_BLOCK_PX = 2048  # a GPU wants the largest convolutions that fit


def style_weights(names: tuple[str, ...], mix: Mapping[str, float], strength: float) -> Tensor:
    """Weights over the network's rows: `mix` scaled to one, then `strength` of it against the identity.

    `strength` is 0 (the identity style) to 1. Returns float32, 1 x styles. Raises `UnknownStyle`.
    """
    weights = torch.zeros(1, len(names))
    whole = sum(mix.values())
    for name, share in mix.items():
        if name not in names:
            raise UnknownStyle(name, tuple(names))
        weights[0, names.index(name)] += strength * share / whole
    weights[0, names.index("identity")] += 1 - strength
    return weights


class FeedForwardEngine:
    """One style (or mix) of one network, ready to run; safe to share between tiles, not between threads."""

    stride = STRIDE
    min_side = MIN_SIDE

    def __init__(
        self,
        network: TransformerNetwork,
        weights: Tensor,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        block_px: int | None = None,
        lanes: int = 1,
    ) -> None:
        self.lanes = lanes
        self.device, self.dtype = torch.device(device), dtype
        on_cpu = self.device.type == "cpu"
        self.block_px = block_px or (CPU_BLOCK_PX if on_cpu else CUDA_BLOCK_PX)
        self.network = network.eval().to(self.device, dtype).to(memory_format=torch.channels_last)
        self.weights = weights.to(self.device, torch.float32)
        self.stages = network.normalised()
        self.last_rows = column_kernel(network.last.weight)
        self.last_bias = torch.zeros(3, 1, 1, device=self.device)
        if network.last.bias is not None:
            self.last_bias += network.last.bias.detach().float()[:, None, None]

    @property
    def halo_px(self) -> int:
        """See `Engine.halo_px`; a property, so that a bench can take it away."""
        return self.network.shape.halo_px

    @property
    def phases(self) -> int:
        """One exchange a normalised convolution."""
        return len(self.stages)

    @property
    def bytes_per_px(self) -> int:
        """Peak of the last full-size stage: its input at half size, its output, and the padded pixels."""
        return 9 * self.network.shape.full_width * self.dtype.itemsize // 4

    def block_for(self, height: int, width: int) -> int:
        """The block side, px, for a map of this size; never the number of lanes, which must not show."""
        size = self.block_px
        while self.device.type == "cpu" and size > MIN_BLOCK_PX and height * width < LEAST_BLOCKS * size**2:
            size //= 2
        return size

    def open(self, pixels: Tensor, core: Core) -> FeedForwardRun:
        """Begin a tile; see `Engine.open`."""
        return FeedForwardRun.opened(self, pixels, core)

    def thaw(self, frozen: Frozen, height: int, core: Core) -> FeedForwardRun:
        """Go on with a tile; see `Engine.thaw`."""
        return FeedForwardRun.thawed(self, frozen, height, core)

    def frozen_bytes_per_px(self, phase: int) -> float:
        """See `Engine.frozen_bytes_per_px`: one map, or two inside a residual block."""
        maps = 2 if self.stages[phase].shape.role == "close" else 1
        shape = self.stages[phase].shape
        return maps * shape.outputs * self._area(phase) * self.dtype.itemsize

    def work_per_px(self, phase: int) -> float:
        """See `Engine.work_per_px`."""
        if phase == self.phases:
            return self.network.last.weight.numel()
        return self.stages[phase].conv.weight.numel() * self._area(phase)

    def thawing_per_px(self, phase: int) -> float:
        """See `Engine.thawing_per_px`: at the opening of a residual block its convolution is done again."""
        return self.work_per_px(phase) if self.stages[phase].shape.role == "open" else 0.0

    def _area(self, phase: int) -> float:
        """Positions of the map of `phase` per pixel."""
        return float(math.prod(stage.shape.scale**2 for stage in self.stages[: phase + 1]))


def column_kernel(weight: Tensor) -> Tensor:
    """A k x k kernel to few channels as a k x 1 kernel to k times as many: float, (out·k) x in x k x 1.

    Three output channels leave most of a vector unit idle; k shifted copies summed afterwards are the same
    sums at twice the speed.
    """
    out, inputs, kernel, _ = weight.shape
    return weight.permute(0, 3, 1, 2).reshape(out * kernel, inputs, kernel, 1).contiguous()
