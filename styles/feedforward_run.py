"""One tile on its way through the feed-forward engine."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from giornata.styles.blocks import Block, blocks, overlap, stage_window, window
from giornata.styles.engine import Core, Frozen
from giornata.styles.errors import BadStatistics
from giornata.styles.feature_moments import moments_of
from giornata.styles.moments import Moments, summed
from giornata.styles.network import EPSILON

if TYPE_CHECKING:  # each makes the other
    from giornata.styles.feedforward import FeedForwardEngine

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
    def thawed(cls, engine: "FeedForwardEngine", frozen: Frozen, height: int, core: Core) -> Self:
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

    def freeze(self) -> Frozen:
        """See `TileRun.freeze`; maps are h x w x C, as they lie in memory.

        Opening a block, its input alone is frozen: the convolution costs less than the disk.
        """
        role = self.engine.stages[self.phase].shape.role
        maps = {"open": (self.kept,), "close": (self.pre, self.kept)}.get(role, (self.pre,))
        rows = tuple(one[0].permute(1, 2, 0).contiguous().cpu() for one in maps if one is not None)
        return Frozen(self.phase, self.moments, rows)

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
            made = F.conv2d(
                stage_window(stage, features, block),
                stage.conv.weight,
                stage.conv.bias,
                stride=2 if scale == 0.5 else 1,
            )
            pre[:, :, y0:y1, x0:x1] = made
            inside = made[0, :, overlap(rows, y0, y1), overlap(columns, x0, x1)]
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
        made = self.engine.last_bias
        for shift in range(kernel):
            made = made + stacked[:, shift, :, shift : shift + x1 - x0].float()
        output[y0:y1, x0:x1] = torch.sigmoid(made).permute(1, 2, 0)
