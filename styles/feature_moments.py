"""The moments of one feature map, wherever it lies."""

import torch
from torch import Tensor

from giornata.styles.moments import Moments


def moments_of(features: Tensor) -> Moments:
    """Moments of `features`: float, H x W x C (channels last in memory), any device.

    Rows are summed in the features' own precision, which stays exact enough because a row is short, and
    the row sums in float64.
    """
    rows = features.float()
    total = rows.sum(dim=1).sum(dim=0, dtype=torch.float64)
    squares = rows.square().sum(dim=1).sum(dim=0, dtype=torch.float64)
    return Moments(features.shape[0] * features.shape[1], total.cpu().numpy(), squares.cpu().numpy())
