"""`Rates`: how fast each job goes, learnt from the moments at which someone looked."""

import threading
import time
from collections import deque

from giornata.cluster.batch.eta import EtaEstimator, ProgressSample
from giornata.cluster.service.schemas.jobs import JobView, RatesView, eta_view
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.store.records import JobLine

_MOVING = (JobState.LISTING, JobState.QUEUED, JobState.RUNNING, JobState.PAUSING)


class Rates:
    """Keeps a pace per job that has not ended; may be used from several threads."""

    def __init__(self) -> None:
        self._paces: dict[str, EtaEstimator] = {}
        self._turn = threading.Lock()

    def of(self, line: JobLine, *, now: float) -> RatesView:
        """Look at a job: what is known of its pace so far, this moment included."""
        with self._turn:
            if line.state not in _MOVING:
                # A pause is no part of a pace: going on begins a new one.
                self._paces.pop(line.snapshot.job_id, None)
                return RatesView()
            pace = self._paces.setdefault(line.snapshot.job_id, EtaEstimator())
            pace.add(moment(line.snapshot, elapsed_s=now - line.created_at, listed=line.listed))
            return RatesView(
                images_per_s=_rounded(pace.images_per_s()),
                megapixels_per_s=_rounded(pace.megapixels_per_s()),
                eta=eta_view(pace.eta()),
            )


def moment(numbers: JobSnapshot | JobView, *, elapsed_s: float, listed: bool) -> ProgressSample:
    """A job's numbers as progress shows them; the total is unknown while it is being listed."""
    counts = numbers.counts
    return ProgressSample(
        elapsed_s=elapsed_s,
        done=numbers.settled - numbers.lost - counts.get(ItemState.CANCELLED, 0),
        failed=numbers.lost,
        total=numbers.total if listed else None,
        pixels_done=numbers.pixels_done,
    )


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 3)


class Turns:
    """A rate limit over all callers: at most `most` turns in `per_s` seconds."""

    def __init__(self, most: int, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._taken: deque[float] = deque(maxlen=most)

    def are_used_up(self) -> bool:
        """Whether the next turn has to wait."""
        full = len(self._taken) == self._most
        return full and time.monotonic() - self._taken[0] < self._per_s

    def take(self) -> None:
        """Count one turn."""
        self._taken.append(time.monotonic())
