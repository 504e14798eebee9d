"""Means with intervals: what a handful of photographs says of all photographs (Efron 1979)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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
    generator = np.random.default_rng(seed)
    drawn = means[generator.integers(len(means), size=(draws, len(means)))].mean(1)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(float(means.mean()), float(low), float(high), len(means))
