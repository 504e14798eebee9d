"""`Heartbeat`: how a worker shows that it goes on, and how it is told between two tiles to let a claim go."""

import threading
import time

from pydantic import BaseModel, ConfigDict

from giornata.jobs.model.attempt import ClaimKey
from giornata.lru_dict import LruDict

REMEMBERED = 10_000  # dropped claims a worker keeps in mind: far more than can be in line


class Cancelled(Exception):
    """`Cancelled(key)`: nobody wants this claim any more. Not an error; nothing is reported."""


class Beat(BaseModel):
    """A worker at one moment: the claim it is at, its steps so far, and seconds since the last one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: ClaimKey | None
    steps: int
    quiet_s: float


class Heartbeat:
    """Counts steps of the claim at hand. One thread works, another may ask or drop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: ClaimKey | None = None
        self._steps = 0
        self._at = time.monotonic()
        self._dropped = LruDict[ClaimKey, None](REMEMBERED)

    def begin(self, key: ClaimKey) -> None:
        """Turn to a claim. Raises `Cancelled` when it was dropped while it waited."""
        with self._lock:
            self._key, self._steps, self._at = key, 0, time.monotonic()
        self.check()

    def tick(self) -> None:
        """A step is done. Raises `Cancelled` when the claim was dropped meanwhile."""
        with self._lock:
            self._steps += 1
            self._at = time.monotonic()
        self.check()

    def check(self) -> None:
        """Raise `Cancelled` when nobody wants the claim at hand any more."""
        with self._lock:
            if self._key in self._dropped:
                raise Cancelled(self._key)

    def end(self) -> None:
        """Turn away from the claim at hand."""
        with self._lock:
            self._key = None

    def drop(self, keys: tuple[ClaimKey, ...]) -> None:
        """Let these claims go at their next step, or before they begin."""
        with self._lock:
            self._dropped.update(dict.fromkeys(keys))

    def beat(self) -> Beat:
        """The worker's beat at this moment."""
        with self._lock:
            return Beat(key=self._key, steps=self._steps, quiet_s=time.monotonic() - self._at)
