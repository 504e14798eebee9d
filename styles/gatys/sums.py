"""What a tile reports after its forward pass: sums over its core that add up to the picture's own."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from giornata.styles.errors import BadStatistics

BLOCK_POSITIONS = 1 << 14  # summed in the features' own precision; blocks are summed in float64
LayerKey = tuple[int, str]  # region and layer


@dataclass(frozen=True, eq=False)
class LayerSums:
    """One layer in one region: Σm, Σm·f (C) and Σm·f·fᵀ (C x C) over positions of mask m; float64, CPU."""

    weight: float
    total: Tensor
    products: Tensor

    def __add__(self, other: "LayerSums") -> "LayerSums":
        return LayerSums(self.weight + other.weight, self.total + other.total, self.products + other.products)


@dataclass(frozen=True, eq=False)
class TileSums:
    """All of a tile: style sums, Σ(F-P)² and ΣP² by content layer, and the variation; float64 numbers."""

    styles: dict[LayerKey, LayerSums]
    content: dict[str, float]
    energy: dict[str, float]
    variation: float

    def __add__(self, other: "TileSums") -> "TileSums":
        return TileSums(
            {key: sums + other.styles[key] for key, sums in self.styles.items()},
            {layer: value + other.content[layer] for layer, value in self.content.items()},
            {layer: value + other.energy[layer] for layer, value in self.energy.items()},
            self.variation + other.variation,
        )


def sums_of(features: Tensor, mask: Tensor | None = None) -> LayerSums:
    """Sums of `features` (float, C x h x w, any device), weighted by `mask` (h x w) if there is one."""
    flat = features.flatten(1)
    weights = None if mask is None else mask.flatten()
    channels = flat.shape[0]
    total = torch.zeros(channels, dtype=torch.float64)
    products = torch.zeros(channels, channels, dtype=torch.float64)
    for start in range(0, flat.shape[1], BLOCK_POSITIONS):
        block = flat[:, start : start + BLOCK_POSITIONS]
        seen = block if weights is None else block * weights[start : start + BLOCK_POSITIONS]
        total += seen.sum(1, dtype=torch.float64).cpu()
        products += (seen @ block.T).to(torch.float64).cpu()
    weight = float(flat.shape[1]) if weights is None else float(weights.sum(dtype=torch.float64))
    return LayerSums(weight, total, products)


def summed(parts: Iterable[TileSums]) -> TileSums:
    """The sum of `parts` in the order given; callers sort by tile, so timing never changes the result."""
    iterator = iter(parts)
    result = next(iterator, None)
    if result is None:
        raise BadStatistics("no partial sums", "those of at least one tile")
    for part in iterator:
        result = result + part
    return result
