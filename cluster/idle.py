"""`ended_idle`: a batch of which nothing is left to render ends without a cluster to do nothing on."""

from collections.abc import Collection, Mapping
from pathlib import Path

from giornata.cluster.batch import Ending, Watcher, conclude
from giornata.cluster.session import STORE_NAME
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.manager.timing import Ask
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.model.ports import ClaimKey, WorkerView
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.style_resolver import StyleCheck
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher

_WORK = (ItemState.QUEUED, ItemState.LEASED)


class NoWorkers:
    """A `TaskRunner` that takes nothing."""

    def capacity(self) -> int:
        """None."""
        return 0

    def submit(self, claim: Claim) -> None:
        """Never called: there is no capacity."""
        raise AssertionError

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Nothing comes."""
        return []

    def cancel(self) -> None:
        """Nothing is in flight."""

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Nothing is in flight."""

    def beats(self) -> Mapping[ClaimKey, float]:
        """None."""
        return {}

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """Nothing is in flight."""

    def workers(self) -> list[WorkerView]:
        """None."""
        return []

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """There are none."""


def ended_idle(
    spec: JobSpec, *, base: Path, home: Path, styles: StyleCheck, watcher: Watcher, ask: Ask
) -> Ending | None:
    """Submit a batch that was completed before once more, and end it if its inputs hold nothing new.

    Nothing where it was not, where there is something to render, or another manager holds the store: then the
    job waits as one that was stopped. Raises what `JobManager.submit` does.
    """
    if not (home / STORE_NAME).exists():
        return None
    with JobStore(home / STORE_NAME) as store:
        job_id = store.find_job(spec, base=base)
        if job_id is None or store.snapshot(job_id).state is not JobState.COMPLETED:
            return None
        lock = store.manager_lock()
        if not lock.acquire(exclusive=False):
            return None
        try:
            publisher = new_publisher(store.put_at)
            manager = JobManager(store, NoWorkers(), publisher, styles)
            submission = manager.submit(spec, base=base, ask=ask)

            def is_wanted() -> bool:
                counts = store.snapshot(job_id).counts
                return any(counts.get(state) for state in _WORK)

            state = manager.run_until_done(submission.job_id, stop=is_wanted)
            if not state.is_terminal:
                return None
            return conclude(store, publisher, submission, watcher=watcher, ask=ask, is_idle=True)
        finally:
            lock.release()
