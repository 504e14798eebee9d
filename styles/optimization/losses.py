"""Style and content losses, as functions of a picture's statistics rather than of its features.

The sums of all tiles give the loss, and the signals that every tile needs for its gradient.

Three conventions are in use; N is channels, M positions, G = F·Fᵀ the unnormalised Gram matrix, and the
style's Gram matrix is scaled to the picture's number of positions where it appears unnormalised:

* `relative` (the default): |G/M - A/M|² / |A/M|² and |F - P|² / |P|²: alike over layers, sizes and encoders;
* `paper` (Gatys et al. 2016): |G - A|² / (4 N² M²) and ½·|F - P|²;
* `elements` (most tutorials): the mean square of (G - A) / (N·M), and the mean square of F - P.

So for one style layer `paper` = `elements` · N²/4, and for content `paper` = `elements` · N·M/2: a β of one
is a β of the other only layer by layer, and the paper's α grows with the picture.

What a tile reports after its forward pass: sums over its core that add up to the picture's own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

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


COVARIANCE_FLOOR = 1e-4  # added to the diagonals, as the Wasserstein distance needs full rank
TINY = 1e-12


class Convention(StrEnum):
    """How losses are normalised."""

    RELATIVE = "relative"
    PAPER = "paper"
    ELEMENTS = "elements"


class StyleTerm(StrEnum):
    """Statistic of two feature distributions that is compared."""

    GRAM = "gram"
    MEAN_STD = "mean-std"
    WASSERSTEIN = "wasserstein"


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """One layer's distribution: mean (C) and second moments `gram` (C x C) per position; float64, CPU."""

    mean: Tensor
    gram: Tensor

    @property
    def covariance(self) -> Tensor:
        """C x C."""
        return self.gram - torch.outer(self.mean, self.mean)

    @property
    def deviation(self) -> Tensor:
        """Standard deviation by channel, C."""
        return (self.covariance.diagonal().clamp_min(0) + COVARIANCE_FLOOR).sqrt()


def statistics_of(sums: LayerSums) -> LayerStatistics:
    """Sums over positions -> moments per position."""
    weight = max(sums.weight, TINY)
    return LayerStatistics(sums.total / weight, sums.products / weight)


def gram_loss(actual: LayerStatistics, target: LayerStatistics, convention: Convention) -> Tensor:
    """Distance of Gram matrices (Gatys et al. 2016, equations 3 to 5); a scalar."""
    distance = (actual.gram - target.gram).square().sum()
    channels = len(actual.mean)
    match convention:
        case Convention.PAPER:
            return distance / (4 * channels**2)
        case Convention.ELEMENTS:
            return distance / channels**4
        case Convention.RELATIVE:
            return distance / target.gram.square().sum().clamp_min(TINY)


def mean_std_loss(actual: LayerStatistics, target: LayerStatistics, convention: Convention) -> Tensor:
    """Distance of means and standard deviations (Li et al. 2017, Huang and Belongie 2017); a scalar."""
    means = (actual.mean - target.mean).square().sum()
    deviations = (actual.deviation - target.deviation).square().sum()
    if convention is Convention.RELATIVE:
        energy = target.mean.square().sum() + target.deviation.square().sum()
        return (means + deviations) / energy.clamp_min(TINY)
    return (means + deviations) / len(actual.mean)


class _TraceOfRoot(torch.autograd.Function):
    """tr(A^½) of a symmetric positive matrix. Its derivative is ½·A^-½, which stays sound where eigenvalues
    coincide and the derivative of a decomposition would not."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp_min(TINY).sqrt()
        ctx.save_for_backward(vectors, roots)
        return roots.sum()

    @staticmethod
    def backward(ctx: Any, *above: Any) -> Any:
        vectors, roots = ctx.saved_tensors
        return above[0] * 0.5 * vectors / roots @ vectors.T


def wasserstein_loss(actual: LayerStatistics, target: LayerStatistics, convention: Convention) -> Tensor:
    """Squared 2-Wasserstein distance of the two Gaussians with these moments; a scalar.

    |m₁ - m₂|² + tr(C₁ + C₂ - 2·(C₂^½·C₁·C₂^½)^½), the mean over channels (Dowson and Landau 1982; used for
    styles by K. Crowson 2021), or relative to the style's own |m₂|² + tr C₂.
    """
    floor = COVARIANCE_FLOOR * torch.eye(len(actual.mean), dtype=actual.mean.dtype)
    actual_covariance, target_covariance = actual.covariance + floor, target.covariance + floor
    values, vectors = torch.linalg.eigh(target_covariance)
    root = vectors * values.clamp_min(TINY).sqrt() @ vectors.T
    inner = root @ actual_covariance @ root
    cross: Tensor = _TraceOfRoot.apply((inner + inner.T) / 2)
    means = (actual.mean - target.mean).square().sum()
    distance = means + actual_covariance.trace() + target_covariance.trace() - 2 * cross
    if convention is Convention.RELATIVE:
        return distance / (target.mean.square().sum() + target_covariance.trace())
    return distance / len(actual.mean)


STYLE_LOSSES = {
    StyleTerm.GRAM: gram_loss,
    StyleTerm.MEAN_STD: mean_std_loss,
    StyleTerm.WASSERSTEIN: wasserstein_loss,
}


def content_factor(convention: Convention, *, elements: int, energy: float) -> float:
    """The factor of Σ(F - P)²; `elements` is N·M and `energy` ΣP²."""
    match convention:
        case Convention.PAPER:
            return 0.5
        case Convention.ELEMENTS:
            return 1 / elements
        case Convention.RELATIVE:
            return 1 / max(energy, TINY)


def variation_sum(pixels: Tensor, core: tuple[slice, slice], power: int) -> Tensor:
    """Σ|d|^`power` over steps to the right and down that begin in `core`; a scalar.

    `pixels`: float, h x w x 3, with a pixel of context right of and below the core where there is one. Power
    1 keeps edges, 2 is smoother.
    """
    rows, columns = core
    down = pixels[rows.start : min(rows.stop + 1, pixels.shape[0]), columns].diff(dim=0)
    right = pixels[rows, columns.start : min(columns.stop + 1, pixels.shape[1])].diff(dim=1)
    steps = torch.cat([down.flatten(), right.flatten()])
    raised = steps.abs() if power == 1 else steps.square()
    return raised.sum(dtype=torch.float64)
