"""How far a batch is (`ProgressSample`), and how fast it goes and when it will be done (`EtaEstimator`)."""

import math
from collections import deque
from dataclasses import dataclass

ENOUGH_ITEMS = 5  # fewer finished items say nothing about the next ones
ENOUGH_S = 5.0  # the first seconds are the workers' start
WINDOW = 60  # snapshots, at least STEP_S apart: the recent rate is that of the last minute or more
STEP_S = 1.0
DOUBT = 1.0  # widens the range by this over the root of the items seen


@dataclass(frozen=True)
class ProgressSample:
    """A batch at one moment. `total` is None while it is being listed; pixels are those of done items."""

    elapsed_s: float
    done: int = 0
    failed: int = 0
    total: int | None = None
    pixels_done: int = 0
    workers: int = 0

    @property
    def ended(self) -> int:
        """Items that need no more work."""
        return self.done + self.failed


@dataclass(frozen=True)
class Eta:
    """Seconds until the end, at the best and at the worst pace seen."""

    low_s: float
    high_s: float


class EtaEstimator:
    """Rates and the remaining time, learnt from snapshots in the order of their time."""

    def __init__(self) -> None:
        self._first: ProgressSample | None = None
        self._recent: deque[ProgressSample] = deque(maxlen=WINDOW)

    def add(self, snapshot: ProgressSample) -> None:
        """Take in one snapshot."""
        # A resumed batch begins with items done long ago: they belong to no rate.
        self._first = self._first or snapshot
        if len(self._recent) > 1 and snapshot.elapsed_s - self._recent[-2].elapsed_s < STEP_S:
            self._recent.pop()
        self._recent.append(snapshot)

    def images_per_s(self) -> float | None:
        """Ended items a second over the recent window, or None before two moments are known."""
        return self._rate(self._recent[0], "ended") if self._recent else None

    def megapixels_per_s(self) -> float | None:
        """Rendered megapixels a second over the recent window, or None before two moments are known."""
        rate = self._rate(self._recent[0], "pixels_done") if self._recent else None
        return None if rate is None else rate / 1e6

    def eta(self) -> Eta | None:
        """The range in which the rest will take place; None while there is too little to go by."""
        if self._first is None:
            return None
        now, first = self._recent[-1], self._first
        seen = now.ended - first.ended
        if now.total is None or seen < ENOUGH_ITEMS or now.elapsed_s - first.elapsed_s < ENOUGH_S:
            return None
        paces = [self._rate(sample, "ended") for sample in (first, self._recent[0], self._halfway())]
        left_s = [(now.total - now.ended) / pace for pace in paces if pace]
        if not left_s:
            return None
        doubt = 1 + DOUBT / math.sqrt(seen)
        return Eta(min(left_s) / doubt, max(left_s) * doubt)

    def _halfway(self) -> ProgressSample:
        return self._recent[len(self._recent) // 2]

    def _rate(self, since: ProgressSample, what: str) -> float | None:
        now = self._recent[-1]
        seconds = now.elapsed_s - since.elapsed_s
        return (getattr(now, what) - getattr(since, what)) / seconds if seconds > 0 else None
