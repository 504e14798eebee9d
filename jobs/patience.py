"""`Patience`: what a storage that asks to slow down was asked is asked again, for a while; said once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from giornata.jobs.clock import SystemClock
from giornata.jobs.errors import PlaceBusy
from giornata.jobs.ports import Clock

T = TypeVar("T")
SYSTEM_CLOCK = SystemClock()


class Ask(Protocol):
    """How requests are made."""

    def __call__(self, request: Callable[[], T], /) -> T: ...


def at_once(request: Callable[[], T], /) -> T:
    """The way of those that have somebody else to wait for them: whatever comes, comes."""
    return request()


@dataclass(frozen=True)
class Patience:
    """Waits between `first_s` and `longest_s`, doubling, and no longer than `limit_s` for one request."""

    tell: Callable[[str], None]
    clock: Clock = SYSTEM_CLOCK
    limit_s: float = 600.0
    first_s: float = 2.0
    longest_s: float = 30.0

    def __call__(self, request: Callable[[], T], /) -> T:
        """What `request` gives. Raises `PlaceBusy` when it has been told to slow down for so long."""
        began_at, wait_s = self.clock.now(), self.first_s
        while True:
            try:
                return request()
            except PlaceBusy as busy:
                if self.clock.now() + wait_s > began_at + self.limit_s:
                    raise
                if wait_s == self.first_s:
                    self.tell(f"{busy}; waiting for it, up to {self.limit_s / 60:g} minutes")
            self.clock.sleep(wait_s)
            wait_s = min(2 * wait_s, self.longest_s)
