"""Run one batch from spec to manifest, watched: what `run` and `demo` have in common.

A batch that is already complete ends without starting Ray (`finish_without_work`).
"""

import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from giornata.cluster.batch.artifacts import write_artifacts
from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.batch.eta import ProgressSample
from giornata.cluster.batch.planning import make_plan, say
from giornata.cluster.batch.progress import OptimizationWatcher, Reporter, choose_reporter
from giornata.cluster.batch.session import Session, batch_session
from giornata.cluster.settings import STORE_NAME, Machine, settings_for
from giornata.jobs.manager.manager import JobManager, Submission
from giornata.jobs.manager.timing import Backoff, Retrying, at_once
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome
from giornata.jobs.model.ports import JobSnapshot, WorkerSlot
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.style_resolver import StyleCatalog
from giornata.jobs.reports.output_manifest import Summary, summarise
from giornata.jobs.spec.enums import StartWhen
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher

_WORK = (ItemState.QUEUED, ItemState.LEASED)


@dataclass(frozen=True)
class BatchResult:
    """How a batch ended and where its manifest is (None when stopped); idle if nothing was left to render."""

    job_id: str
    state: JobState
    reason: str
    summary: Summary
    resumed: bool
    manifests: tuple[str, str] | None
    is_idle: bool = False


class Watcher:
    """A manager's `Progress` that passes everything on to a reporter."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self._store: JobStore | None = None
        self._optimizations: OptimizationWatcher | None = None
        self._since = time.monotonic()

    def follow(self, store: JobStore, scratch: Path) -> None:
        """From now on report the optimizations below `scratch` as well."""
        self._store, self._optimizations = store, OptimizationWatcher(store, scratch)

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Show how far the job is, and its optimizations."""
        self.reporter.show(self.translated(snapshot))
        if self._store is not None and self._optimizations is not None:
            for job_id, work in self._optimizations.changes([snapshot.job_id]):
                self.reporter.optimise(self._store.items.get(job_id, work["item_id"]).source, work)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Report an item that will not be delivered."""
        if decision.state.is_lost:
            self.reporter.fail(f"{claim.task.source} ({claim.task.style_label})", decision.reason)

    def translated(self, snapshot: JobSnapshot) -> ProgressSample:
        """The manager's numbers as progress shows them."""
        skipped = snapshot.counts.get(ItemState.SKIPPED, 0)
        return ProgressSample(
            elapsed_s=time.monotonic() - self._since,
            done=snapshot.counts.get(ItemState.DONE, 0) + skipped,
            failed=snapshot.lost,
            total=snapshot.total,
            pixels_done=snapshot.pixels_done,
        )


class StopFlag:
    """Set by Ctrl-C or SIGTERM; a second one interrupts at once."""

    def __init__(self) -> None:
        self.raised = False

    def __call__(self) -> bool:
        return self.raised

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True

    @contextmanager
    def installed(self) -> Iterator["StopFlag"]:
        """Inside the `with`, signals set this flag. After Ray has started, which installs its own."""
        before = {number: signal.signal(number, self.handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_batch(
    session: Session, spec: JobSpec, *, base: Path, watcher: Watcher, ask: Retrying = at_once
) -> BatchResult:
    """Submit `spec`, run it to its end or to a signal, write its manifest beside its outputs.

    `ask` is how inputs are listed and artifacts written, before and after there is a queue to wait in.
    """
    with StopFlag().installed() as stop:
        submission = session.manager.submit(spec, base=base, ask=ask)
        session.manager.run_until_done(submission.job_id, stop)
    return conclude(session.store, session.publisher, submission, watcher=watcher, ask=ask)


def conclude(
    store: JobStore,
    publisher: Publisher,
    submission: Submission,
    *,
    watcher: Watcher,
    ask: Retrying,
    is_idle: bool = False,
) -> BatchResult:
    """The last numbers of a batch that does not run any more, and its artifacts when it has ended."""
    job_id = submission.job_id
    summary = summarise(store, job_id)
    state = summary.snapshot.state
    watcher.reporter.finish(watcher.translated(summary.snapshot))
    manifests = ask(lambda: write_artifacts(store, job_id, publisher)) if state.is_terminal else None
    reason = store.jobs.get(job_id).reason
    return BatchResult(job_id, state, reason, summary, submission.resumed, manifests, is_idle)


class NoWorkers:
    """A `TaskRunner` that takes no claims."""

    def capacity(self) -> int:
        """0: there are no workers."""
        return 0

    def submit(self, claim: Claim) -> None:
        """Never called: there is no capacity."""
        raise AssertionError

    def collect(self, timeout_s: float) -> list[Outcome]:
        """No outcomes."""
        return []

    def cancel(self) -> None:
        """Do nothing: no claim is in flight."""

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Do nothing: no claim is in flight."""

    def beats(self) -> Mapping[ClaimKey, float]:
        """No beats."""
        return {}

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """Do nothing: no claim is in flight."""

    def workers(self) -> list[WorkerSlot]:
        """No workers."""
        return []

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """Do nothing: there are no workers."""


def finish_without_work(
    spec: JobSpec, *, base: Path, home: Path, styles: StyleCatalog, watcher: Watcher, ask: Retrying
) -> BatchResult | None:
    """Submit a batch that was completed before once more, and end it if its inputs hold nothing new.

    None where it was not, where there is something to render, or another manager holds the store: then the
    job waits as one that was stopped. Raises what `JobManager.submit` does.
    """
    if not (home / STORE_NAME).exists():
        return None
    with JobStore(home / STORE_NAME) as store:
        job_id = store.jobs.find(spec, base=base)
        if job_id is None or store.jobs.snapshot(job_id).state is not JobState.COMPLETED:
            return None
        lock = store.manager_lock()
        if not lock.acquire(exclusive=False):
            return None
        try:
            publisher = new_publisher(store.deliveries.put_at)
            manager = JobManager(store, NoWorkers(), publisher, styles)
            submission = manager.submit(spec, base=base, ask=ask)

            def is_wanted() -> bool:
                counts = store.jobs.snapshot(job_id).counts
                return any(counts.get(state) for state in _WORK)

            state = manager.run_until_done(submission.job_id, stop=is_wanted)
            if not state.is_terminal:
                return None
            return conclude(store, publisher, submission, watcher=watcher, ask=ask, is_idle=True)
        finally:
            lock.release()


def carry_out(
    spec: JobSpec,
    base: Path,
    *,
    workers: int | None = None,
    memory_bytes: int | None = None,
    address: str | None = None,
    as_json: bool = False,
) -> BatchResult:
    """Plan, then run, if items are left to render. Raises `PlanRefused` before that, `ClusterError`.

    A job that starts at once is not planned: what is wrong with an input fails that item.
    """
    if spec.policy.start is StartWhen.CHECKED:
        make_plan(spec, base, measured=0)  # names and collisions: nobody reads an estimate of what begins
    settings = settings_for(Machine.detect(), workers=workers, memory_bytes=memory_bytes, address=address)
    # Events go where results go when they are for a program, and beside them when they are for people.
    stream = sys.stdout if as_json else sys.stderr
    watcher = Watcher(choose_reporter(stream, as_json=as_json))
    folders = (settings.home / "styles",)
    styles = InstalledStyles(user_library())
    ask = Backoff(say)
    if spec.policy.start is StartWhen.CHECKED:
        result = finish_without_work(
            spec, base=base, home=settings.home, styles=styles, watcher=watcher, ask=ask
        )
        if result:
            return result
    with batch_session(settings, styles=styles, library_folders=folders, listener=watcher) as session:
        watcher.follow(session.store, settings.scratch)
        return run_batch(session, spec, base=base, watcher=watcher, ask=ask)
