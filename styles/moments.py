"""Additive statistics of feature maps: what tiles report, and what they get back summed.

Plain arrays, so that adding them up needs no torch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from giornata.styles.errors import BadStatistics

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """Count of positions, and per channel the sum and the sum of squares: float64, C.

    Of an engine that needs covariances, `squares` are the sums of products of channels instead: the upper
    triangle, row by row (C·(C + 1)/2).

    Adding two tiles' moments gives the moments of both: the law of total variance needs nothing else.
    """

    count: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean per channel: float64, C."""
        return self.total / self.count

    def deviation(self, epsilon: float) -> NDArray[np.float64]:
        """Standard deviation per channel with `epsilon` added to the (biased) variance: float64, C."""
        variance = self.squares / self.count - np.square(self.mean)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0) + epsilon))

    def as_lists(self) -> dict[str, object]:
        """Plain numbers, for a job record or JSON."""
        return {"count": self.count, "total": self.total.tolist(), "squares": self.squares.tolist()}


Totals = tuple[Moments, ...]  # one entry a phase


class Additive(Protocol):
    """What can be added to another of its kind."""

    def __add__(self, other: Self, /) -> Self: ...


A = TypeVar("A", bound=Additive)


def summed(parts: Iterable[A]) -> A:
    """The sum of `parts` in the order given; callers sort by tile, so timing never changes the result."""
    iterator = iter(parts)
    result = next(iterator, None)
    if result is None:
        raise BadStatistics("no partial statistics", "those of at least one tile")
    for part in iterator:
        result = result + part
    return result


def from_lists(record: Sequence[dict[str, object]]) -> Totals:
    """The inverse of `Moments.as_lists` for every phase."""
    return tuple(
        Moments(
            int(str(entry["count"])),
            np.array(entry["total"], np.float64),
            np.array(entry["squares"], np.float64),
        )
        for entry in record
    )


def moments_of(features: "Tensor") -> Moments:
    """Moments of `features`: float, H x W x C (channels last in memory), any device.

    Rows are summed in the features' own precision, which stays exact enough because a row is short, and
    the row sums in float64.
    """
    import torch

    rows = features.float()
    total = rows.sum(dim=1).sum(dim=0, dtype=torch.float64)
    squares = rows.square().sum(dim=1).sum(dim=0, dtype=torch.float64)
    return Moments(features.shape[0] * features.shape[1], total.cpu().numpy(), squares.cpu().numpy())
