"""Timeouts of a manager, and retries with back-off of throttled storage requests (`Backoff`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from giornata.jobs.clock import SystemClock
from giornata.jobs.errors import StorageThrottled
from giornata.jobs.model.ports import Clock


@dataclass(frozen=True)
class StallRule:
    """When a running item that shows no progress is given up: after `factor` medians, never before `floor_s`.

    The floor is far above the longest step, one tile of the largest size on a slow machine.
    """

    factor: float = 10.0
    floor_s: float = 600.0


@dataclass(frozen=True)
class Timeouts:
    """The manager's waits. `drain_s` is how long a stop lets running items end before it drops them."""

    collect_s: float = 1.0
    idle_s: float = 1.0
    drain_s: float = 30.0
    chunk: int = 256  # claimed in one turn
    tell_s: float = 0.2  # a listener hears of a job at most this often
    remind_s: float = 2.0  # and this often of one in which nothing ends: a picture may take an hour
    grace_s: float = 60.0  # added to what a claim may take before its lease ends
    patience_s: float = 300.0  # for a database that does not answer
    silence: StallRule = StallRule()


T = TypeVar("T")
SYSTEM_CLOCK = SystemClock()


class Retrying(Protocol):
    """A way to make a request, and to make it again."""

    def __call__(self, request: Callable[[], T], /) -> T: ...


def at_once(request: Callable[[], T], /) -> T:
    """Make a request once; its errors are the caller's to wait for."""
    return request()


@dataclass(frozen=True)
class Backoff:
    """Waits between `first_s` and `longest_s`, doubling, and no longer than `limit_s` for one request."""

    tell: Callable[[str], None]
    clock: Clock = SYSTEM_CLOCK
    limit_s: float = 600.0
    first_s: float = 2.0
    longest_s: float = 30.0

    def __call__(self, request: Callable[[], T], /) -> T:
        """The result of `request`. Raises `StorageThrottled` when it was told to slow down for so long."""
        began_at, wait_s = self.clock.now(), self.first_s
        while True:
            try:
                return request()
            except StorageThrottled as busy:
                if self.clock.now() + wait_s > began_at + self.limit_s:
                    raise
                if wait_s == self.first_s:
                    self.tell(f"{busy}; waiting for it, up to {self.limit_s / 60:g} minutes")
            self.clock.sleep(wait_s)
            wait_s = min(2 * wait_s, self.longest_s)
