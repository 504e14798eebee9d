"""`JobManager`: takes jobs in and runs one to its end, or all of them for as long as it is told to."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.clock import SystemClock
from giornata.jobs.errors import PlanRefused, StoreUnavailable
from giornata.jobs.manager.dispatcher import Dispatcher
from giornata.jobs.manager.lifecycle import Lifecycle
from giornata.jobs.manager.listing import REJECTED, Lister, Listing, never
from giornata.jobs.manager.timing import Retrying, Timeouts, at_once
from giornata.jobs.manager.worker_health import FailureTracker, WorkerMonitor
from giornata.jobs.model.ports import Clock, Progress, Silent, TaskRunner
from giornata.jobs.model.retry import RetryPolicy
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.planning.style_resolver import StyleCatalog
from giornata.jobs.planning.validate import check_whole
from giornata.jobs.spec.enums import StartWhen
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import LiveJob
from giornata.jobs.store.store import JobStore

_LOST = (ItemState.FAILED, ItemState.QUARANTINED, ItemState.CANCELLED)


def always() -> bool:
    """The `only_if` of a manager that has no rival."""
    return True


@dataclass(frozen=True)
class Submission:
    """A job that is in the store: whether it was there before, and how many items came new."""

    job_id: str
    resumed: bool
    added: int


class JobManager:
    """Runs the jobs of one store with one runner; the only one that settles items while it runs."""

    def __init__(
        self,
        store: JobStore,
        runner: TaskRunner,
        publisher: Publisher,
        styles: StyleCatalog,
        *,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        listener: Progress | None = None,
        pace: Timeouts | None = None,
    ) -> None:
        self._store, self._styles = store, styles
        self._clock, self._pace = clock or SystemClock(), pace or Timeouts()
        self._lister = Lister(store, publisher, styles)
        self._listing = Listing(self._lister, store)
        self._supervisor = supervisor = WorkerMonitor(store, runner, FailureTracker(), self._clock)
        self._window = Dispatcher(store, runner, publisher, supervisor, self._clock, self._pace)
        self._lifecycle = Lifecycle(
            store,
            publisher,
            self._window,
            self._listing,
            supervisor,
            policy=policy or RetryPolicy(),
            listener=listener or Silent(),
            pace=self._pace,
            clock=self._clock,
        )
        self._away_since: float | None = None

    def submit(
        self, spec: JobSpec, *, base: Path, retry_lost: bool = True, ask: Retrying = at_once
    ) -> Submission:
        """Store a job, or find the same one again, and list its inputs; what `run` does.

        Call `plan` first: it says all that is wrong. Found again, items that failed or were cancelled are
        queued again when `retry_lost`. A job that starts at once is listed while it runs. `ask` lists again
        where a bucket asks to slow down. Raises what `expand` raises, and `PlanRefused` when outputs fall on
        each other.
        """
        check_whole(spec, base, self._styles)
        resumed = self._store.jobs.find(spec, base=base) is not None
        job_id = self._store.jobs.create(spec, base=base)
        if resumed:
            self._store.jobs.move(job_id, JobEvent.REOPEN, reason="submitted again")
            self._store.jobs.begin_listing(job_id)
            self._store.jobs.close_canary(job_id)  # the person who starts it again has seen why it paused
        added = 0
        if spec.policy.start is StartWhen.CHECKED:
            added = ask(lambda: self._list_now(job_id))
        if resumed and retry_lost:
            self._store.items.reopen(job_id, _LOST)
        return Submission(job_id, resumed, added)

    def accept(
        self,
        spec: JobSpec,
        *,
        base: Path,
        client_token: str = "",
        owner: str = "",
        priority: int = 50,
        max_workers: int | None = None,
    ) -> str:
        """Store a job that `serve` will list and run, or find the one this token made; its id.

        Raises `PlanRefused` for problems that need no listing to see.
        """
        check_whole(spec, base, self._styles)
        return self._store.jobs.create(
            spec,
            base=base,
            client_token=client_token,
            owner=owner,
            priority=priority,
            max_workers=max_workers,
        )

    def run_until_done(self, job_id: str, stop: Callable[[], bool] = never) -> JobState:
        """Run a submitted job until it has ended or paused, or until `stop` says so; the state it is in then.

        A stop lets running items end for a while and returns the rest to the queue (`queued`: it will go on
        where it was). Raises `UnknownJob`, `IllegalTransition`, `StoreUnavailable`, and `Superseded` when
        another manager takes the job over.
        """
        with self._at_work():
            self._lifecycle.begin(self._store.jobs.get(job_id))
            while not stop() and job_id in self._window.runs:
                with self._patiently():
                    live = self._live(only=job_id)
                    self._lifecycle.attend(live)
                    if job_id in self._window.runs:
                        self._window.turn(live)
        return self._store.jobs.snapshot(job_id).state

    def serve(self, stop: Callable[[], bool], *, only_if: Callable[[], bool] = always) -> None:
        """Run every job there is and every one that comes, until `stop`; then leave them as a stop does.

        Returns early, leaving the items in flight to their leases, when `only_if` denies that this is still
        the active manager. Raises `StoreUnavailable` when the database stays away.
        """
        with self._at_work():
            while not stop():
                with self._patiently():
                    if not only_if():
                        self._window.abandon()
                        return
                    self._lifecycle.attend(self._live())
                    live = self._live()
                    self._lifecycle.adopt(live)
                    self._window.turn(live)

    def _live(self, *, only: str = "") -> dict[str, LiveJob]:
        return {job.job_id: job for job in self._store.jobs.live() if only in ("", job.job_id)}

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        try:
            yield
            self._lifecycle.leave()
            self._supervisor.leave()
        except BaseException:
            # What is in flight belongs to nobody now; the next start returns the leases.
            self._window.abandon()
            raise
        finally:
            self._listing.end()

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """Wait for a database that is away for a while; what could not be written is written later."""
        try:
            yield
            self._away_since = None
        except StoreUnavailable as error:
            now = self._clock.now()
            self._away_since = self._away_since or now
            if not error.transient or now - self._away_since > self._pace.patience_s:
                raise
            self._clock.sleep(self._pace.idle_s)

    def _list_now(self, job_id: str) -> int:
        try:
            return self._lister.list_job(job_id)
        except PlanRefused as problem:
            reason = REJECTED + " · ".join(str(problem).splitlines())
            self._store.jobs.move(job_id, JobEvent.REJECT, reason=reason)
            raise
