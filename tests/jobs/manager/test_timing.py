import pytest

from giornata.jobs.errors import StorageThrottled, StorageUnavailable
from giornata.jobs.manager.timing import Backoff, at_once
from tests.support.fakes import ManualClock


class Storage:
    """Asks to slow down until its time has come."""

    def __init__(self, clock: ManualClock, *, busy_s: float) -> None:
        self._clock, self._until = clock, clock.now() + busy_s
        self.asked_at: list[float] = []

    def __call__(self) -> str:
        self.asked_at.append(self._clock.now())
        if self._clock.now() < self._until:
            raise StorageThrottled("s3://b/k", "the storage asks to slow down (SlowDown)")
        return "listed"


def test_a_busy_storage_is_waited_for_and_that_is_said_once() -> None:
    clock, told = ManualClock(), list[str]()
    storage = Storage(clock, busy_s=90)
    assert Backoff(told.append, clock)(storage) == "listed"
    assert told == [
        "using s3://b/k: the storage asks to slow down (SlowDown); waiting for it, up to 10 minutes"
    ]
    waits = [later - earlier for earlier, later in zip(storage.asked_at, storage.asked_at[1:], strict=False)]
    assert waits == [2, 4, 8, 16, 30, 30]


def test_patience_ends_and_what_was_said_is_raised() -> None:
    clock = ManualClock()
    began_at = clock.now()
    with pytest.raises(StorageThrottled, match="asks to slow down"):
        Backoff(lambda _: None, clock)(Storage(clock, busy_s=1e9))
    assert clock.now() - began_at <= 600


def test_only_a_busy_storage_is_waited_for() -> None:
    clock, told = ManualClock(), list[str]()

    def away() -> str:
        raise StorageUnavailable("s3://b/k", "the connection failed")

    with pytest.raises(StorageUnavailable):
        Backoff(told.append, clock)(away)
    assert told == []


def test_without_patience_it_comes_as_it_comes() -> None:
    with pytest.raises(StorageThrottled):
        at_once(Storage(ManualClock(), busy_s=1))
