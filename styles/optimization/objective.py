"""The loss of a whole picture from its tiles' sums, and the signals that make each tile's gradient.

The loss depends on features only through sums over positions; so its derivative by the sums, which is a few
megabytes, is all that a tile has to be told. That the rest can be done tile by tile is the chain rule.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from giornata.styles.optimization.losses import (
    STYLE_LOSSES,
    LayerKey,
    LayerStatistics,
    TileSums,
    content_factor,
    statistics_of,
)
from giornata.styles.optimization.options import GatysOptions


@dataclass(frozen=True, eq=False)
class StyleTarget:
    """One style picture: its share, the region it belongs to, and its statistics by layer."""

    share: float
    region: int
    layers: dict[str, LayerStatistics]


@dataclass(frozen=True)
class LossParts:
    """The loss at one picture: `total` is what is minimised, the parts are before α, β and tv."""

    total: float
    content: float
    style: float
    variation: float


@dataclass(frozen=True, eq=False)
class LayerGradients:
    """Signals that a tile needs for its gradient.

    At a position with mask m and features f the gradient by f is m·(matrix·f + vector) for a style layer
    and factor·(f - p) for a content layer. Matrices are C x C, vectors C, float64 on the CPU.
    """

    styles: dict[LayerKey, tuple[Tensor, Tensor]]
    content: dict[str, float]
    variation: float


@dataclass(frozen=True, eq=False)
class Objective:
    """Options and targets at one scale; `elements` maps a content layer to C·H·W, `pixels` is 3·H·W."""

    options: GatysOptions
    targets: tuple[StyleTarget, ...]
    elements: dict[str, int]
    pixels: int

    @property
    def regions(self) -> tuple[int, ...]:
        """Regions that have a style."""
        return tuple(sorted({target.region for target in self.targets}))

    def evaluate(self, sums: TileSums) -> tuple[LossParts, LayerGradients]:
        """Loss of a picture with these `sums` and the signals for its tiles."""
        style, gradients = self._style(sums)
        content, factors = self._content(sums)
        variation = sums.variation / self.pixels
        options = self.options
        total = options.alpha * content + options.beta * style + options.tv * variation
        # A square's derivative brings a 2.
        parts = LossParts(total, content, style, variation)
        return parts, LayerGradients(gradients, factors, options.tv / self.pixels)

    def _style(self, sums: TileSums) -> tuple[float, dict[LayerKey, tuple[Tensor, Tensor]]]:
        total, gradients = 0.0, {}
        for key in sums.styles:
            loss, matrix, vector = self._one(key, sums)
            total += loss
            gradients[key] = (self.options.beta * matrix, self.options.beta * vector)
        return total, gradients

    def _one(self, key: LayerKey, sums: TileSums) -> tuple[float, Tensor, Tensor]:
        """Loss of one layer in one region, and its derivative by features as matrix and vector."""
        region, layer = key
        given = statistics_of(sums.styles[key])
        mean, gram = given.mean.requires_grad_(), given.gram.requires_grad_()
        compare = STYLE_LOSSES[self.options.term]
        loss = mean.sum() * 0 + gram.sum() * 0
        for target in self.targets:
            if target.region == region:
                distance = compare(LayerStatistics(mean, gram), target.layers[layer], self.options.convention)
                loss = loss + target.share * distance
        loss = loss * self.options.wanted_style[layer]
        by_mean, by_gram = torch.autograd.grad(loss, (mean, gram))
        weight = max(sums.styles[key].weight, 1e-12)
        return float(loss.detach()), (by_gram + by_gram.T) / weight, by_mean / weight

    def _content(self, sums: TileSums) -> tuple[float, dict[str, float]]:
        total, factors = 0.0, {}
        for layer, weight in self.options.wanted_content.items():
            factor = weight * content_factor(
                self.options.convention, elements=self.elements[layer], energy=sums.energy[layer]
            )
            total += factor * sums.content[layer]
            factors[layer] = 2 * self.options.alpha * factor
        return total, factors
