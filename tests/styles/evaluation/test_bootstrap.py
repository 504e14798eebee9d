"""Intervals: the same for the same seed, narrower with more photographs, none for nothing."""

import numpy as np
import pytest

from giornata.styles.evaluation.bootstrap import bootstrap_mean, bootstrap_ratio


def values(photos: int, *, paintings: int = 3) -> dict[str, list[float]]:
    generator = np.random.default_rng(7)
    return {f"photo {i}": list(generator.normal(0.5, 0.1, paintings)) for i in range(photos)}


def test_the_same_seed_gives_the_same_interval() -> None:
    assert bootstrap_mean(values(9)) == bootstrap_mean(dict(reversed(values(9).items())))
    assert bootstrap_mean(values(9), seed=1) != bootstrap_mean(values(9), seed=2)


def test_every_photograph_weighs_the_same() -> None:
    interval = bootstrap_mean({"a": [1.0, 1.0, 1.0], "b": [0.0]})
    assert interval is not None
    assert (interval.mean, interval.low, interval.high, interval.count) == (0.5, 0.0, 1.0, 2)


def test_the_interval_is_about_two_standard_errors_each_way() -> None:
    sample = values(50)
    interval = bootstrap_mean(sample)
    assert interval is not None
    error = np.std([np.mean(each) for each in sample.values()], ddof=1) / np.sqrt(50)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error, rel=0.15)


def test_one_photograph_has_no_spread_and_none_has_nothing() -> None:
    interval = bootstrap_mean({"a": [0.25]})
    assert interval is not None
    assert interval.low == interval.mean == interval.high == 0.25
    assert bootstrap_mean({"a": []}) is None


def test_a_ratio_is_that_of_the_means_and_steadier_than_its_parts() -> None:
    floor = {f"photo {i}": [0.1 + i] for i in range(8)}
    values = {name: [0.5 * each[0]] for name, each in floor.items()}
    interval = bootstrap_ratio(values, floor)
    assert interval is not None
    assert interval.low == pytest.approx(0.5)
    assert interval.high == pytest.approx(0.5)
    other = bootstrap_ratio({"a": [1.0], "b": [4.0]}, {"a": [1.0], "b": [9.0], "c": [7.0]})
    assert other is not None
    assert (other.mean, other.count) == (0.5, 2)


def test_there_is_no_ratio_to_nothing() -> None:
    assert bootstrap_ratio({"a": [1.0]}, {"b": [1.0]}) is None
    assert bootstrap_ratio({"a": [1.0]}, {"a": [0.0]}) is None
