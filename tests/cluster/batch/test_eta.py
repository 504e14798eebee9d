"""Rates and the range of the remaining time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.cluster.batch.eta import EtaEstimator, ProgressSample


def after(*snapshots: ProgressSample) -> EtaEstimator:
    pace = EtaEstimator()
    for snapshot in snapshots:
        pace.add(snapshot)
    return pace


def steady(seconds: int, per_s: int = 2, total: int | None = 1000) -> list[ProgressSample]:
    return [
        ProgressSample(float(at), done=per_s * at, total=total, pixels_done=per_s * at * 1_000_000)
        for at in range(seconds + 1)
    ]


def test_nothing_is_known_before_two_moments() -> None:
    assert after().images_per_s() is None
    assert after().eta() is None
    assert after(ProgressSample(0.0, total=10)).megapixels_per_s() is None


def test_a_steady_batch_has_its_rates_and_a_range_around_the_truth() -> None:
    pace = after(*steady(100))
    assert pace.images_per_s() == pytest.approx(2.0)
    assert pace.megapixels_per_s() == pytest.approx(2.0)
    eta = pace.eta()
    assert eta is not None
    assert eta.low_s < 400 < eta.high_s
    assert eta.high_s - eta.low_s < 80


def test_the_range_is_unknown_until_enough_is_seen() -> None:
    assert after(*steady(2)).eta() is None
    assert after(ProgressSample(0.0, total=9), ProgressSample(60.0, done=4, total=9)).eta() is None
    assert after(*steady(100, total=None)).eta() is None


def test_items_done_before_a_resume_count_for_no_rate() -> None:
    resumed = [ProgressSample(float(at), done=900 + at, total=1000) for at in range(21)]
    pace = after(*resumed)
    assert pace.images_per_s() == pytest.approx(1.0)
    eta = pace.eta()
    assert eta is not None
    assert eta.low_s < 80 < eta.high_s


def test_a_batch_that_slows_down_has_a_wider_range() -> None:
    calm = after(*steady(100)).eta()
    slowing = after(
        *steady(100), *(ProgressSample(100.0 + at, done=200 + at // 4, total=1000) for at in range(60))
    ).eta()
    assert calm is not None
    assert slowing is not None
    assert slowing.high_s / slowing.low_s > 2 * calm.high_s / calm.low_s


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=80))
def test_the_range_is_ordered_and_never_negative(steps: list[tuple[float, int, int]]) -> None:
    pace, elapsed_s, done, failed = EtaEstimator(), 0.0, 0, 0
    for seconds, more_done, more_failed in steps:
        elapsed_s, done, failed = elapsed_s + seconds, done + more_done, failed + more_failed
        pace.add(ProgressSample(elapsed_s, done=done, failed=failed, total=1000))
    eta = pace.eta()
    assert eta is None or 0 <= eta.low_s <= eta.high_s
