"""Whitening and colouring of features for whole batches, as training needs it: without eigenvectors.

Square roots come from coupled Newton-Schulz iterations (Higham 2008, section 6.7): batched products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from giornata.styles.universal.network import LEVELS, UniversalNetwork, structure_share
from giornata.styles.universal.transform import LEAST_VARIANCE, RIDGE, STYLE_RIDGE

ITERATIONS = 15
COLOUR_RIDGE = 1e-3  # without any, the iterations would not end


@dataclass(frozen=True)
class BatchStatistics:
    """Means (N x C) and covariances (N x C x C) of features, float32."""

    mean: Tensor
    covariance: Tensor


def batch_statistics(features: Tensor) -> BatchStatistics:
    """Statistics over positions of `features`, N x C x h x w."""
    flat = features.float().flatten(2)
    mean = flat.mean(2)
    centred = flat - mean[:, :, None]
    with torch.autocast(features.device.type, enabled=False):
        products = torch.bmm(centred, centred.transpose(1, 2))
    return BatchStatistics(mean, products / flat.shape[2])


def roots(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Square roots and inverse square roots of positive definite `matrices`, N x C x C."""
    size = matrices.shape[-1]
    unit = torch.eye(size, device=matrices.device).expand_as(matrices)
    norm = matrices.flatten(1).norm(dim=1)[:, None, None]
    root, inverse = matrices / norm, unit
    for _ in range(ITERATIONS):
        step = 1.5 * unit - 0.5 * inverse @ root
        root, inverse = root @ step, step @ inverse
    return root * norm.sqrt(), inverse / norm.sqrt()


def floored(covariance: Tensor, style: Tensor | None = None, *, ridge: float = RIDGE) -> Tensor:
    """`covariance` (N x C x C) with the floor of `transform` added to every variance."""
    level = ridge * mean_variance(covariance) + LEAST_VARIANCE
    if style is not None:
        level = level + STYLE_RIDGE * mean_variance(style)
    return covariance + level * torch.eye(covariance.shape[-1], device=covariance.device)


def mean_variance(covariance: Tensor) -> Tensor:
    """Mean over channels of the variances: N x C x C -> N x 1 x 1."""
    return covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]


def painted(
    network: UniversalNetwork,
    features: Sequence[Tensor],
    styles: Sequence[BatchStatistics],
    *,
    deepest: Tensor,
    structure: Tensor,
) -> Tensor:
    """Pictures from a batch's features, as `UniversalEngine` paints one: float32, N x 3 x H x W, unclamped.

    `features` and `styles` are those of levels 1 to 5, in order; `deepest` (int64) and `structure` (0..1)
    have a value a picture. The gradient is that of the decoder: maps have none.
    """
    levels, wishes = deepest.view(-1, 1, 1, 1), structure.tolist()
    current = features[-1].float()
    for level in range(LEVELS, 0, -1):
        own = features[level - 1].float()
        if level < LEVELS:
            shares = current.new_tensor([structure_share(level, wish) for wish in wishes]).view(-1, 1, 1, 1)
            current = torch.where(levels > level, torch.lerp(current, own, shares), own)
        current = torch.where(levels >= level, imposed(current, styles[level - 1]), current)
        current = network.shallower(current.to(features[0].dtype), level).float()
    return current


def imposed(features: Tensor, style: BatchStatistics) -> Tensor:
    """`features` (N x C x h x w) moved to the statistics of `style`, float32; the map has no gradient."""
    with torch.autocast(features.device.type, enabled=False):
        flat = features.float().flatten(2)
        with torch.no_grad():
            own = batch_statistics(features)
            _, inverse = roots(floored(own.covariance, style.covariance))
            coloured, _ = roots(floored(style.covariance, ridge=COLOUR_RIDGE))
            matrix = coloured @ inverse
            offset = style.mean[:, :, None] - matrix @ own.mean[:, :, None]
        return (matrix @ flat + offset).view(features.shape)
