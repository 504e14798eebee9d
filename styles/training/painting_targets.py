"""What training wants of each painting, learnt once: statistics to impose, and statistics to be judged by."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from giornata.styles.training.perceptual_loss import PerceptualLoss, StyleSums
from giornata.styles.training.pictures import read_picture, to_unit
from giornata.styles.universal.batch_transform import BatchStatistics, batch_statistics
from giornata.styles.universal.network import STRIDE, UniversalNetwork

LONGEST_SIDE = 1.6  # of the short side; a scroll is cut to its middle


class PaintingTargets:
    """One row a painting and size; all float32, on the device of the network."""

    @torch.no_grad()
    def __init__(
        self,
        network: UniversalNetwork,
        loss: PerceptualLoss,
        paintings: Sequence[Path],
        *,
        sides_px: Sequence[int],
    ) -> None:
        levels: list[list[BatchStatistics]] = []
        sums: list[StyleSums] = []
        for path in paintings:
            for side in sides_px:
                pixels = painting_pixels(path, side)
                pixels = pixels.to(network.last.weight.device, memory_format=torch.channels_last)
                with torch.autocast(pixels.device.type, torch.bfloat16):
                    levels.append([batch_statistics(one) for one in network.encode(pixels)])
                    sums.append(loss.sums(loss.seen(pixels)))
        self.rows = len(levels)
        self._levels = [
            BatchStatistics(
                torch.cat([row[level].mean for row in levels]),
                torch.cat([row[level].covariance for row in levels]),
            )
            for level in range(len(levels[0]))
        ]
        self._means = {key: torch.cat([row.means[key] for row in sums]) for key in sums[0].means}
        self._covariances = {
            key: torch.cat([row.covariances[key] for row in sums]) for key in sums[0].covariances
        }

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Random rows, int64."""
        return torch.randint(self.rows, (count,), generator=generator)

    def statistics(self, rows: Tensor, level: int) -> BatchStatistics:
        """What to impose at `level` (1 to 5)."""
        found = self._levels[level - 1]
        rows = rows.to(found.mean.device)
        return BatchStatistics(found.mean[rows], found.covariance[rows])

    def sums(self, rows: Tensor) -> StyleSums:
        """What the result is judged by."""
        rows = rows.to(next(iter(self._means.values())).device)
        return StyleSums(
            {key: value[rows] for key, value in self._means.items()},
            {key: value[rows] for key, value in self._covariances.items()},
        )


def painting_pixels(path: Path, side: int) -> Tensor:
    """A painting reduced to a short side of `side` px, its middle: float32, 1 x 3 x H x W, sRGB 0..1."""
    picture = to_unit(read_picture(path, side))
    most = int(LONGEST_SIDE * min(picture.shape[1:]))
    height, width = (min(length, most) // STRIDE * STRIDE for length in picture.shape[1:])
    top, left = (picture.shape[1] - height) // 2, (picture.shape[2] - width) // 2
    return picture[:, top : top + height, left : left + width][None]
