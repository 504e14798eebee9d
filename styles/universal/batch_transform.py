"""Whitening and colouring of features for whole batches, as training needs it: without eigenvectors.

Square roots come from coupled Newton-Schulz iterations (Higham 2008, section 6.7): batched products.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

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
