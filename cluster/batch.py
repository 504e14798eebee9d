"""One batch from spec to manifest, watched: what `run` and `demo` have in common."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from giornata.cluster.handover import deliver_papers
from giornata.cluster.optimising import Optimising
from giornata.cluster.pace import Snapshot
from giornata.cluster.progress import Reporter
from giornata.cluster.session import Session
from giornata.jobs.manager.manager import Submission
from giornata.jobs.manager.timing import Ask, at_once
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.reports.output_manifest import Summary, summarise
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.store import JobStore


@dataclass(frozen=True)
class Ending:
    """How a batch ended and where its manifest is (none when stopped); idle if nothing was left to render."""

    job_id: str
    state: JobState
    reason: str
    summary: Summary
    resumed: bool
    manifests: tuple[str, str] | None
    is_idle: bool = False


class Watcher:
    """A manager's `Progress` that tells a reporter."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self._store: JobStore | None = None
        self._works: Optimising | None = None
        self._since = time.monotonic()

    def follow(self, store: JobStore, scratch: Path) -> None:
        """From now on look at the optimisations below `scratch` as well."""
        self._store, self._works = store, Optimising(store, scratch)

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Show how far the job is, and its optimisations."""
        self.reporter.show(self.translated(snapshot))
        if self._store is not None and self._works is not None:
            for job_id, work in self._works.look([snapshot.job_id]):
                self.reporter.optimise(self._store.item(job_id, work["item_id"]).source, work)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Tell of an item that will not be delivered."""
        if decision.state.is_lost:
            self.reporter.fail(f"{claim.task.source} ({claim.task.style_label})", decision.reason)

    def translated(self, snapshot: JobSnapshot) -> Snapshot:
        """The manager's numbers as progress shows them."""
        skipped = snapshot.counts.get(ItemState.SKIPPED, 0)
        return Snapshot(
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


def run_batch(session: Session, spec: JobSpec, *, base: Path, watcher: Watcher, ask: Ask = at_once) -> Ending:
    """Submit `spec`, run it to its end or to a signal, write its manifest beside its outputs.

    `ask` is how inputs are listed and papers written, before and after there is a queue to wait in.
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
    ask: Ask,
    is_idle: bool = False,
) -> Ending:
    """The last numbers of a batch that does not run any more, and its papers when it has ended."""
    job_id = submission.job_id
    summary = summarise(store, job_id)
    state = summary.snapshot.state
    watcher.reporter.finish(watcher.translated(summary.snapshot))
    manifests = ask(lambda: deliver_papers(store, job_id, publisher)) if state.is_terminal else None
    reason = store.job(job_id).reason
    return Ending(job_id, state, reason, summary, submission.resumed, manifests, is_idle)
