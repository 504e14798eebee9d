"""The feed-forward engine: the transformer network as a program of phases over tiles.

It computes what `TransformerNetwork.forward` defines, block by block inside a tile, because a block whose
features stay in cache runs two to four times faster on a CPU than a whole feature map does.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from giornata.styles.engine import Core, TileSnapshot
from giornata.styles.errors import BadStatistics, UnknownStyle
from giornata.styles.feedforward.blocks import Block, blocks, overlap, stage_window, window
from giornata.styles.feedforward.network import EPSILON, MIN_SIDE, STRIDE, TransformerNetwork
from giornata.styles.moments import Moments, moments_of, summed

T = TypeVar("T")
Part = TypeVar("Part")
STRIPS = 4  # that a lane normalises before it takes others


class FeedForwardRun:
    """One tile's features between phases: `pre` is the newest convolution, not yet normalised."""

    pre: Tensor
    moments: Moments

    def __init__(self, engine: "FeedForwardEngine", core: Core, *, height: int, phase: int) -> None:
        self.engine, self.core, self.phase = engine, core, phase
        self._full_height = height
        self.kept: Tensor | None = None

    @classmethod
    def opened(cls, engine: "FeedForwardEngine", pixels: Tensor, core: Core) -> Self:
        """A tile at its first phase."""
        run = cls(engine, core, height=pixels.shape[0], phase=0)
        picture = pixels.to(engine.device, engine.dtype).permute(2, 0, 1)[None]
        with torch.inference_mode():
            run.pre, run.moments = run._convolve(picture * 2 - 1)
        return run

    @classmethod
    def thawed(cls, engine: "FeedForwardEngine", frozen: TileSnapshot, height: int, core: Core) -> Self:
        """A tile at the phase it was frozen at."""
        run = cls(engine, core, height=height, phase=frozen.phase)
        # Strides as `torch.empty` makes them, else a convolution may take another way and differ in a bit.
        maps = [tensor.to(engine.device)[None].permute(0, 3, 1, 2) for tensor in frozen.tensors]
        run.kept = maps[-1]
        if engine.stages[frozen.phase].shape.role == "open":
            with torch.inference_mode():
                run.pre, run.moments = run._convolve(maps[0])
        else:
            run.pre, run.moments = maps[0], frozen.moments
        return run

    def freeze(self) -> TileSnapshot:
        """See `TileRun.freeze`; maps are h x w x C, as they lie in memory.

        Opening a block, its input alone is frozen: the convolution costs less than the disk.
        """
        role = self.engine.stages[self.phase].shape.role
        maps = {"open": (self.kept,), "close": (self.pre, self.kept)}.get(role, (self.pre,))
        rows = tuple(tensor[0].permute(1, 2, 0).contiguous().cpu() for tensor in maps if tensor is not None)
        return TileSnapshot(self.phase, self.moments, rows)

    def partial(self) -> Moments:
        """See `TileRun.partial`."""
        return self.moments

    def advance(self, total: Moments) -> None:
        """See `TileRun.advance`."""
        with torch.inference_mode():
            features = self._normalised(total)
            self.phase += 1
            if self.phase == self.engine.phases:
                self.pre = features
                return
            if self.engine.stages[self.phase].shape.role == "open":
                self.kept = features
            self.pre, self.moments = self._convolve(features)

    def finish(self) -> Tensor:
        """See `TileRun.finish`."""
        if self.phase != self.engine.phases:
            raise BadStatistics(f"totals of {self.phase} phases", f"{self.engine.phases} before the output")
        height, width = self.pre.shape[2:]
        output = torch.empty(height, width, 3, device=self.engine.device)
        with torch.inference_mode():
            self._each_block(height, width, lambda block: self._last(block, output))
        return output

    def _each_block(self, height: int, width: int, work: Callable[[Block], T]) -> list[T]:
        """`work` on every block, in order."""
        return self._on_lanes(list(blocks(height, width, self.engine.block_for(height, width))), work)

    def _on_lanes(self, todo: Sequence[Part], work: Callable[[Part], T]) -> list[T]:
        """`work` on every part, on as many lanes as the engine has; answers in order."""
        if self.engine.lanes == 1 or len(todo) == 1:
            return [work(part) for part in todo]

        def guarded(part: Part) -> T:
            with torch.inference_mode():  # the mode belongs to a thread
                return work(part)

        with ThreadPoolExecutor(self.engine.lanes) as lanes:
            return list(lanes.map(guarded, todo))

    def _convolve(self, features: Tensor) -> tuple[Tensor, Moments]:
        """Run the current stage's convolution in blocks, gathering the core's moments on the way."""
        stage = self.engine.stages[self.phase]
        scale = stage.shape.scale
        height, width = (int(side * scale) for side in features.shape[2:])
        # The core at this stage's resolution: cores are aligned to the stride, so this divides evenly.
        shrink = self._full_height / height
        rows, columns = (slice(int(s.start / shrink), int(s.stop / shrink)) for s in self.core)
        pre = torch.empty(
            (1, stage.shape.outputs, height, width),
            dtype=features.dtype,
            device=features.device,
            memory_format=torch.channels_last,
        )

        def work(block: Block) -> Moments | None:
            y0, y1, x0, x1 = block
            response = F.conv2d(
                stage_window(stage, features, block),
                stage.conv.weight,
                stage.conv.bias,
                stride=2 if scale == 0.5 else 1,
            )
            pre[:, :, y0:y1, x0:x1] = response
            inside = response[0, :, overlap(rows, y0, y1), overlap(columns, x0, x1)]
            return moments_of(inside.permute(1, 2, 0)) if inside.numel() else None

        parts = self._each_block(height, width, work)
        return pre, summed(part for part in parts if part is not None)

    def _normalised(self, total: Moments) -> Tensor:
        """Apply the phase's total in place and hand the features over."""
        stage, device = self.engine.stages[self.phase], self.engine.device
        mean, deviation = (
            torch.from_numpy(each).float().to(device)[None] for each in (total.mean, total.deviation(EPSILON))
        )
        scale, shift = (
            v.to(self.engine.dtype)[:, :, None, None]
            for v in stage.affine(mean, deviation, self.engine.weights)
        )
        features, strip = self.pre, max(1, self.engine.block_px // 8)
        close = stage.shape.role == "close"

        def apply(band: int) -> None:
            # In strips, so that the two passes over memory become one.
            for top in range(band, min(band + STRIPS * strip, features.shape[2]), strip):
                rows = features[:, :, top : top + strip]
                torch.addcmul(shift, rows, scale, out=rows)
                if close and self.kept is not None:
                    rows += self.kept[:, :, top : top + strip]
                else:
                    rows.relu_()

        self._on_lanes(range(0, features.shape[2], STRIPS * strip), apply)
        return features

    def _last(self, block: Block, output: Tensor) -> None:
        """The last convolution of one block, written into `output` (h x w x 3)."""
        y0, y1, x0, x1 = block
        last = self.engine.network.last
        kernel = last.kernel_size[0]
        pad = kernel // 2
        near = window(self.pre, (y0 - pad, y1 + pad), (x0 - pad, x1 + pad))
        stacked = F.conv2d(near, self.engine.last_rows).view(3, kernel, y1 - y0, -1)
        response = self.engine.last_bias
        for shift in range(kernel):
            response = response + stacked[:, shift, :, shift : shift + x1 - x0].float()
        output[y0:y1, x0:x1] = torch.sigmoid(response).permute(1, 2, 0)


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

    def thaw(self, frozen: TileSnapshot, height: int, core: Core) -> FeedForwardRun:
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
