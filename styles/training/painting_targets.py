"""What training wants of each painting, learnt once: statistics to impose, and statistics to be judged by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from giornata.atomic_file import atomic_write
from giornata.styles.training.data import read_picture, to_unit
from giornata.styles.training.perceptual_loss import PerceptualLoss, StyleSums
from giornata.styles.universal.batch_transform import BatchStatistics, batch_statistics
from giornata.styles.universal.network import STRIDE, UniversalNetwork

LONGEST_SIDE = 1.6  # of the short side; a scroll is cut to its middle


class PaintingTargets:
    """One row a painting and size; all float32, on the device of the network."""

    def __init__(self, levels: Sequence[BatchStatistics], sums: StyleSums) -> None:
        """`levels` and `sums` have a row a painting and size."""
        self._levels, self._sums = tuple(levels), sums
        self.rows = len(levels[0].mean)

    @classmethod
    @torch.no_grad()
    def learnt(
        cls,
        network: UniversalNetwork,
        loss: PerceptualLoss,
        paintings: Sequence[Path],
        *,
        sides_px: Sequence[int],
    ) -> Self:
        """Targets of `paintings`, each at every short side of `sides_px`."""
        levels: list[list[BatchStatistics]] = []
        sums: list[StyleSums] = []
        for path in paintings:
            for side in sides_px:
                pixels = painting_pixels(path, side)
                pixels = pixels.to(network.last.weight.device, memory_format=torch.channels_last)
                with torch.autocast(pixels.device.type, torch.bfloat16):
                    levels.append([batch_statistics(features) for features in network.encode(pixels)])
                    sums.append(loss.sums(loss.seen(pixels)))
        stacked = [
            BatchStatistics(
                torch.cat([row[level].mean for row in levels]),
                torch.cat([row[level].covariance for row in levels]),
            )
            for level in range(len(levels[0]))
        ]
        means = {key: torch.cat([row.means[key] for row in sums]) for key in sums[0].means}
        covariances = {key: torch.cat([row.covariances[key] for row in sums]) for key in sums[0].covariances}
        return cls(stacked, StyleSums(means, covariances))

    def save(self, path: Path, key: str) -> None:
        """Keep the targets for a training that goes on; `key` says what they are of."""
        state = {
            "key": key,
            "levels": [(level.mean, level.covariance) for level in self._levels],
            "means": self._sums.means,
            "covariances": self._sums.covariances,
        }
        with atomic_write(path) as part:
            torch.save(state, part)

    @classmethod
    def kept(cls, path: Path, key: str, device: torch.device) -> Self | None:
        """Targets that were saved under the same key; None when there are none."""
        if not path.is_file():
            return None
        state = torch.load(path, weights_only=True, map_location=device)
        if state["key"] != key:
            return None
        levels = [BatchStatistics(*level) for level in state["levels"]]
        return cls(levels, StyleSums(state["means"], state["covariances"]))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Random rows, int64."""
        return torch.randint(self.rows, (count,), generator=generator)

    def statistics(self, rows: Tensor, level: int) -> BatchStatistics:
        """Statistics to impose at `level` (1 to 5)."""
        targets = self._levels[level - 1]
        rows = rows.to(targets.mean.device)
        return BatchStatistics(targets.mean[rows], targets.covariance[rows])

    def sums(self, rows: Tensor) -> StyleSums:
        """Statistics that the result is judged by."""
        means, covariances = self._sums.means, self._sums.covariances
        rows = rows.to(next(iter(means.values())).device)
        return StyleSums(
            {key: value[rows] for key, value in means.items()},
            {key: value[rows] for key, value in covariances.items()},
        )


def painting_pixels(path: Path, side: int) -> Tensor:
    """A painting reduced to a short side of `side` px, its middle: float32, 1 x 3 x H x W, sRGB 0..1."""
    picture = to_unit(read_picture(path, side))
    most = int(LONGEST_SIDE * min(picture.shape[1:]))
    height, width = (min(length, most) // STRIDE * STRIDE for length in picture.shape[1:])
    top, left = (picture.shape[1] - height) // 2, (picture.shape[2] - width) // 2
    return picture[:, top : top + height, left : left + width][None]
