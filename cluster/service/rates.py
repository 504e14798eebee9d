"""`Rates`: how fast each job goes, learnt from the moments at which someone looked; `RateLimit`."""

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
    """An estimator per job that has not ended; may be used from several threads."""

    def __init__(self) -> None:
        self._estimators: dict[str, EtaEstimator] = {}
        self._turn = threading.Lock()

    def of(self, line: JobLine, *, now: float) -> RatesView:
        """Look at a job: its rates so far, this moment included."""
        with self._turn:
            if line.state not in _MOVING:
                # A pause is no part of a pace: going on begins a new one.
                self._estimators.pop(line.snapshot.job_id, None)
                return RatesView()
            estimator = self._estimators.setdefault(line.snapshot.job_id, EtaEstimator())
            estimator.add(moment(line.snapshot, elapsed_s=now - line.created_at, listed=line.listed))
            return RatesView(
                images_per_s=_rounded(estimator.images_per_s()),
                megapixels_per_s=_rounded(estimator.megapixels_per_s()),
                eta=eta_view(estimator.eta()),
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


class RateLimit:
    """A sliding window over all callers: at most `most` calls in `per_s` seconds."""

    def __init__(self, most: int, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._called_at: deque[float] = deque(maxlen=most)

    def is_exhausted(self) -> bool:
        """Whether the next call has to wait."""
        is_full = len(self._called_at) == self._most
        return is_full and time.monotonic() - self._called_at[0] < self._per_s

    def count(self) -> None:
        """Count one call."""
        self._called_at.append(time.monotonic())
