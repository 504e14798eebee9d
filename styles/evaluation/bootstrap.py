"""Means with intervals: what a handful of photographs says of all photographs (Efron 1979)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
COVERAGE = 0.95
SEED = 20260301


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its 95 % interval, in the unit of what was measured."""

    mean: float
    low: float
    high: float
    count: int  # photographs


def bootstrap_mean(
    values: Mapping[str, Sequence[float]], *, draws: int = DRAWS, seed: int = SEED
) -> Interval | None:
    """Mean over photographs of the mean of each, and the percentile interval of drawing photographs again.

    `values` are those of each photograph, over paintings. Paintings are not drawn again: an interval is that
    of other photographs under the same paintings. None when there are no values; the same seed gives the same
    interval to the bit.
    """
    means = np.array([np.mean(each) for _, each in sorted(values.items()) if len(each)], np.float64)
    if not len(means):
        return None
    return _interval(float(means.mean()), means[_drawn(len(means), draws, seed)].mean(1), len(means))


def bootstrap_ratio(
    values: Mapping[str, Sequence[float]],
    floor: Mapping[str, Sequence[float]],
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Interval | None:
    """Mean of `values` over that of `floor`, as `bootstrap_mean` takes them, of the photographs in both.

    Both are drawn together, photograph by photograph, so that a hard one weighs on both alike. None where
    there are no such photographs, or the floor's mean is not above 0.
    """
    names = sorted(name for name in values if len(values[name]) and len(floor.get(name, ())))
    above, below = (np.array([np.mean(side[name]) for name in names]) for side in (values, floor))
    if not names or not (below > 0).all():
        return None
    order = _drawn(len(names), draws, seed)
    ratios = above[order].mean(1) / below[order].mean(1)
    return _interval(float(above.mean() / below.mean()), ratios, len(names))


def _drawn(count: int, draws: int, seed: int) -> NDArray[np.int64]:
    """Which photographs each draw takes: draws x count."""
    return np.random.default_rng(seed).integers(count, size=(draws, count))


def _interval(mean: float, drawn: NDArray[np.float64], count: int) -> Interval:
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(mean, float(low), float(high), count)
