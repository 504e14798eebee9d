"""Pictures of the universal network for whole batches: what the painters network is distilled from."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from giornata.styles.universal.batch_transform import BatchStatistics, batch_statistics, painted
from giornata.styles.universal.loader import read_network
from giornata.styles.universal.network import LEVELS


class UniversalPainter:
    """Paints batches, each picture after one of a few paintings, as `UniversalEngine` paints one."""

    def __init__(self, network: Path, paintings: Sequence[Tensor], *, device: torch.device) -> None:
        """`paintings`: float32, each 3 x H x W, 0..1, sides multiples of 16. Raises `WeightsMismatch`."""
        self.network = read_network(network).to(device).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            rows = [
                [batch_statistics(features) for features in self.network.encode(painting[None].to(device))]
                for painting in paintings
            ]
        self.levels = [
            BatchStatistics(
                torch.cat([row[level].mean for row in rows]),
                torch.cat([row[level].covariance for row in rows]),
            )
            for level in range(LEVELS)
        ]

    @torch.no_grad()
    def __call__(self, pixels: Tensor, paintings: Tensor, *, structure: float) -> Tensor:
        """`pixels` (N x 3 x H x W, 0..1, sides multiples of 16) after the paintings of these indices (N)."""
        output = painted(
            self.network,
            self.network.encode(pixels),
            [BatchStatistics(level.mean[paintings], level.covariance[paintings]) for level in self.levels],
            deepest=torch.full_like(paintings, LEVELS),
            structure=torch.full(paintings.shape, structure),
        )
        return output.clamp(0, 1).contiguous(memory_format=torch.channels_last)
