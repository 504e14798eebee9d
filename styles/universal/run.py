"""One tile on its way through the universal engine."""

from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from giornata.styles.engine import Core, TileSnapshot
from giornata.styles.errors import BadStatistics
from giornata.styles.moments import Moments
from giornata.styles.universal.product_moments import product_moments
from giornata.styles.universal.stages import Affine, Block, MapOperation

if TYPE_CHECKING:  # each makes the other
    from giornata.styles.universal.engine import UniversalEngine

FADE = (
    4  # how fast the photograph's own pixels go as the strength rises: (1 - strength) ** FADE is left of them
)


class UniversalRun:
    """One tile's features between phases: `features` are those of the level whose sums are exchanged."""

    features: Tensor
    moments: Moments

    def __init__(self, engine: "UniversalEngine", pixels: Tensor, core: Core, phase: int) -> None:
        self.engine, self.pixels, self.core, self.phase = engine, pixels, core, phase
        self.own: dict[int, Tensor] = {}
        self._last_map: Affine | None = None

    @classmethod
    def opened(cls, engine: "UniversalEngine", pixels: Tensor, core: Core) -> Self:
        """A tile at its first phase."""
        run = cls(engine, pixels.to(engine.device), core, 0)
        run.features = run._encode(engine.options.levels)
        run.moments = run._moments()
        return run

    @classmethod
    def thawed(cls, engine: "UniversalEngine", frozen: TileSnapshot, core: Core) -> Self:
        """A tile at the phase it was frozen at; the encoder's maps are made again if they are needed."""
        pixels, rows = (tensor.to(engine.device) for tensor in frozen.tensors)
        run = cls(engine, pixels, core, frozen.phase)
        deepest = engine.level_at(frozen.phase) - 1
        levels = [level for level in range(1, deepest + 1) if engine.kept_share(level)]
        if levels:
            run._encode(max(levels))
        run.features, run.moments = rows[None].permute(0, 3, 1, 2), frozen.moments
        return run

    def freeze(self) -> TileSnapshot:
        """See `TileRun.freeze`: the pixels and the newest map, both h x w x C."""
        rows = self.features[0].permute(1, 2, 0).contiguous().cpu()
        return TileSnapshot(self.phase, self.moments, (self.pixels.cpu(), rows))

    def partial(self) -> Moments:
        """See `TileRun.partial`."""
        return self.moments

    def advance(self, total: Moments) -> None:
        """See `TileRun.advance`."""
        affine, level = self.engine.affine(self.phase, total), self.engine.level_at(self.phase)
        self.phase += 1
        if level == 1:
            self._last_map = affine
            return
        decoded = self._run([affine, *self.engine.decoding(level)], self.features)
        self.features = self._with_structure(decoded, level - 1)
        self.moments = self._moments()

    def finish(self) -> Tensor:
        """See `TileRun.finish`."""
        if self._last_map is None:
            needed = f"{self.engine.phases} before the output"
            raise BadStatistics(f"totals of {self.phase} phases", needed)
        strength = self.engine.options.strength
        if strength == 0:
            return self.pixels
        output = torch.empty_like(self.pixels)
        share = (1 - strength) ** FADE

        def write(block: Block, window: Tensor) -> None:
            rows, columns = (slice(*part) for part in block)
            styled = window[0].permute(1, 2, 0).float().clamp_(0, 1)
            if share:
                styled = torch.lerp(styled, self.pixels[rows, columns], share)
            output[rows, columns] = styled

        chain = [self._last_map, *self.engine.decoding(1)]
        self.engine.runner.run(chain, self.features, write)
        return output

    def _encode(self, deepest: int) -> Tensor:
        """Features of level `deepest`; those of levels whose structure is kept stay in `own`."""
        with torch.inference_mode():
            picture = self.pixels.to(self.engine.dtype).permute(2, 0, 1)[None] * 2 - 1
        features = picture
        for level in range(1, deepest + 1):
            features = self._run(self.engine.encoding(level), features)
            if self.engine.kept_share(level):
                self.own[level] = features
        return features

    def _with_structure(self, decoded: Tensor, level: int) -> Tensor:
        """Features of `level` with a share of the photograph's own."""
        own = self.own.pop(level, None)
        if own is None:
            return decoded
        with torch.inference_mode():
            return decoded.lerp_(own, self.engine.kept_share(level))

    def _run(self, chain: list[MapOperation], features: Tensor) -> Tensor:
        """The whole output of a chain, channels last in memory."""
        height, width = features.shape[2:]
        for operation in chain:
            height, width = operation.size(height), operation.size(width)
        output: list[Tensor] = []

        def place(block: Block, window: Tensor) -> None:
            (y0, y1), (x0, x1) = block
            output[0][0, y0:y1, x0:x1] = window[0].permute(1, 2, 0)

        channels = channels_of(chain, features.shape[1])
        with torch.inference_mode():
            output.append(
                torch.empty(1, height, width, channels, device=features.device, dtype=features.dtype)
            )
        self.engine.runner.run(chain, features, place)
        return output[0].permute(0, 3, 1, 2)

    def _moments(self) -> Moments:
        """Sums of the newest map over the core, in its own blocks."""
        step = 1 << (self.engine.level_at(self.phase) - 1)
        rows, columns = (slice(part.start // step, part.stop // step) for part in self.core)
        core = self.features[0, :, rows, columns]
        bands = self.engine.runner.blocks(core.shape[1], core.shape[2])
        parts = self.engine.runner.map(
            lambda block: product_moments(core[:, slice(*block[0]), slice(*block[1])]), bands
        )
        count = sum(part.count for part in parts)
        total = np.sum([part.total for part in parts], axis=0)
        return Moments(count, total, np.sum([part.squares for part in parts], axis=0))


def channels_of(chain: list[MapOperation], channels: int) -> int:
    """Channels that a chain puts out."""
    for operation in chain:
        layer = getattr(operation, "layer", None)
        channels = channels if layer is None else layer.out_channels
    return channels
