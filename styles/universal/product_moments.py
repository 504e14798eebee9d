"""Sums of products of a feature map, wherever it lies: what covariances are made of and tiles add up."""

import torch
from torch import Tensor

from giornata.styles.moments import Moments


def product_moments(features: Tensor) -> Moments:
    """Sums and sums of products over positions: `features` float, C x H x W, any device.

    `Moments.total` is the sum by channel (C), `Moments.squares` the upper triangle of the sums of products,
    row by row (C·(C + 1)/2), both float64: products are summed in float64 as well, because a covariance is a
    small difference of large sums.
    """
    with torch.inference_mode():
        flat = features.flatten(1).double()
        size = len(flat)
        products = flat @ flat.T
        upper = torch.triu_indices(size, size, device=flat.device)
        triangle = products[upper[0], upper[1]]
        return Moments(flat.shape[1], flat.sum(1).cpu().numpy(), triangle.cpu().numpy())
