"""A rate limit counts the calls of a sliding window."""

import pytest

from giornata.cluster.service import rates
from giornata.cluster.service.rates import RateLimit


def test_a_limit_is_exhausted_until_its_oldest_call_is_old_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(rates.time, "monotonic", lambda: now)
    limit = RateLimit(2, 60.0)
    limit.count()
    assert not limit.is_exhausted()
    now = 130.0
    limit.count()
    assert limit.is_exhausted()
    now = 161.0
    assert not limit.is_exhausted()
    limit.count()
    assert limit.is_exhausted()  # the call at 130 s is in the window still
