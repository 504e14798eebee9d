"""Additive statistics of one feature map: what tiles report, and what they get back summed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from giornata.styles.errors import BadStatistics


@dataclass(frozen=True, eq=False)
class Moments:
    """Count of positions, and per channel the sum and the sum of squares: float64, C, on the CPU.

    Adding two tiles' moments gives the moments of both: the law of total variance needs nothing else.
    """

    count: int
    total: Tensor
    squares: Tensor

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> Tensor:
        """Mean per channel: float64, C."""
        return self.total / self.count

    def deviation(self, epsilon: float) -> Tensor:
        """Standard deviation per channel with `epsilon` added to the (biased) variance: float64, C."""
        variance = self.squares / self.count - self.mean.square()
        return (variance.clamp_min(0) + epsilon).sqrt()

    def as_lists(self) -> dict[str, object]:
        """Plain numbers, for a job record or JSON."""
        return {"count": self.count, "total": self.total.tolist(), "squares": self.squares.tolist()}


def moments_of(features: Tensor) -> Moments:
    """Moments of `features`: float, H x W x C (channels last in memory), any device.

    Rows are summed in the features' own precision, which stays exact enough because a row is short, and
    the row sums in float64.
    """
    rows = features.float()
    total = rows.sum(dim=1).sum(dim=0, dtype=torch.float64)
    squares = rows.square().sum(dim=1).sum(dim=0, dtype=torch.float64)
    return Moments(features.shape[0] * features.shape[1], total.cpu(), squares.cpu())


def summed(parts: Iterable[Moments]) -> Moments:
    """The sum of `parts` in the order given; callers sort by tile, so timing never changes the result."""
    iterator = iter(parts)
    result = next(iterator, None)
    if result is None:
        raise BadStatistics("no partial statistics", "those of at least one tile")
    for part in iterator:
        result = result + part
    return result


def from_lists(record: Sequence[dict[str, object]]) -> tuple[Moments, ...]:
    """The inverse of `Moments.as_lists` for every phase."""
    return tuple(
        Moments(
            int(str(entry["count"])),
            torch.tensor(entry["total"], dtype=torch.float64),
            torch.tensor(entry["squares"], dtype=torch.float64),
        )
        for entry in record
    )
