"""`JobManager`: the loop that claims a window, hands it over, collects, and settles until a job has ended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from giornata.jobs.choices import OnExisting
from giornata.jobs.claim import Claim
from giornata.jobs.clock import SystemClock
from giornata.jobs.errors import PlanRefused
from giornata.jobs.expansion import StyleCheck, expand
from giornata.jobs.outcome import Outcome, OutcomeClass
from giornata.jobs.ports import Clock, JobSnapshot, Progress, Publisher, Silent, TaskRunner
from giornata.jobs.records import NewItem
from giornata.jobs.recovery import check_delivered, take_over
from giornata.jobs.retry import RetryPolicy
from giornata.jobs.settling import Settler
from giornata.jobs.spec import JobSpec
from giornata.jobs.states import ItemState, JobEvent, JobState
from giornata.jobs.store import JobStore
from giornata.jobs.task import RenderTask

_LOST = (ItemState.FAILED, ItemState.QUARANTINED, ItemState.CANCELLED)


@dataclass(frozen=True)
class Pace:
    """The manager's waits. `drain_s` is how long a stop lets running items end before it drops them."""

    collect_s: float = 1.0
    idle_s: float = 1.0
    drain_s: float = 30.0
    chunk: int = 64  # claimed in one transaction


@dataclass(frozen=True)
class Submission:
    """A job that is in the store: whether it was there before, and how many items came new."""

    job_id: str
    resumed: bool
    added: int


def never() -> bool:
    """The `stop` of a run that goes on to the end."""
    return False


@dataclass
class _Run:
    """One run of one job: what it may do, what is in flight with its deadline, and what was given up."""

    job_id: str
    epoch: int
    lease_s: float
    allowed_failures: Callable[[int], int | None]
    settler: Settler
    in_flight: dict[tuple[str, int], tuple[Claim, float]] = field(default_factory=dict)
    given_up: dict[tuple[str, int], Claim] = field(default_factory=dict)


class JobManager:
    """Runs jobs of one store with one runner; the only writer of that store while it runs."""

    def __init__(
        self,
        store: JobStore,
        runner: TaskRunner,
        publisher: Publisher,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        listener: Progress | None = None,
        *,
        pace: Pace | None = None,
    ) -> None:
        self._store, self._runner, self._publisher = store, runner, publisher
        self._policy, self._clock = policy or RetryPolicy(), clock or SystemClock()
        self._listener, self._pace = listener or Silent(), pace or Pace()

    def submit(self, spec: JobSpec, *, base: Path, styles: StyleCheck, retry_lost: bool = True) -> Submission:
        """Store a job, or find the same one again and add what its inputs hold by now.

        Call `plan` first: it says all that is wrong, this stops at the first problem. Found again, items that
        failed or were cancelled are queued again when `retry_lost`. Raises what `expand` raises, and
        `PlanRefused` when outputs fall on each other.
        """
        resumed = self._store.find_job(spec, base=base) is not None
        tasks = expand(spec, base=base, styles=styles)
        job_id = self._store.create_job(spec, base=base)
        if resumed:
            self._store.move_job(job_id, JobEvent.REOPEN, reason="submitted again")
        listed = _Counted(self._new_items(tasks, spec.policy.on_existing))
        added = self._store.insert_items(job_id, listed)
        missing = listed.count - self._store.snapshot(job_id).total
        if missing > 0:
            problem = f"submitting {spec.name}: {missing} outputs fall on others, plan the job to see which"
            self._store.move_job(job_id, JobEvent.FAIL, reason=problem)
            raise PlanRefused((problem,), 1)
        if resumed and retry_lost:
            self._store.reopen(job_id, _LOST)
        self._store.move_job(job_id, JobEvent.LISTED)
        return Submission(job_id, resumed, added)

    def run_until_done(self, job_id: str, stop: Callable[[], bool] = never) -> JobState:
        """Run a submitted job until it has ended, or until `stop` says so; the state it is in then.

        A stop lets running items end for a while and returns the rest to the queue (`queued`: it will go on
        where it was). Raises `UnknownJob`, `IllegalTransition`, `StoreUnavailable`, and `Superseded` when
        another manager takes the job over.
        """
        run = self._begin(job_id)
        try:
            while True:
                snapshot = self._store.snapshot(job_id)
                if snapshot.state is JobState.PAUSING or stop():
                    return self._leave(run, snapshot.state, drain_s=self._pace.drain_s)
                if snapshot.state is JobState.CANCELLING:
                    return self._leave(run, snapshot.state, drain_s=0)
                if self._is_over(run, snapshot):
                    return self._fail(run, snapshot)
                self._fill(run)
                if not self._step(run):
                    return self._conclude(job_id)
        except BaseException:
            # What is in flight belongs to nobody now; the next start returns the leases.
            self._runner.cancel()
            raise

    def _begin(self, job_id: str) -> _Run:
        record = self._store.job(job_id)
        self._store.move_job(job_id, JobEvent.START)
        epoch = take_over(self._store, self._publisher, job_id)
        check_delivered(self._store, self._publisher, job_id)
        policy = self._policy.with_retries(record.spec.policy.retries)
        settler = Settler(self._store, self._publisher, policy, self._listener)
        # A claim may wait behind another one on its worker; the runner's own deadline comes first.
        lease_s = 2 * record.spec.policy.timeout_s + 60
        self._tell(job_id)
        return _Run(job_id, epoch, lease_s, record.spec.policy.allowed_failures, settler)

    def _new_items(self, tasks: Iterator[RenderTask], on_existing: OnExisting) -> Iterator[NewItem]:
        for task in tasks:
            there = self._publisher.size(task.target)
            ours = self._store.delivery(task.target) if there is not None else None
            # A stranger's file needs no word here: publishing refuses to touch it.
            if ours is None:
                yield NewItem(task)
            elif on_existing is OnExisting.REPLACE:
                yield NewItem(task, replace=True)
            elif on_existing is OnExisting.FAIL:
                reason = f"{task.target} exists and on_existing is {OnExisting.FAIL}"
                yield NewItem(task, ItemState.FAILED, reason)
            else:
                same = ours.content_key == task.content_key()
                how = "" if same else " with other settings; set on_existing: replace to render it again"
                yield NewItem(task, ItemState.SKIPPED, f"already delivered by job {ours.job_id}{how}")

    def _fill(self, run: _Run) -> None:
        room = min(self._runner.capacity(), self._pace.chunk)
        if room <= 0:
            return
        for claim in self._store.claim(run.job_id, room, run.lease_s, "", epoch=run.epoch):
            run.in_flight[claim.key] = (claim, self._clock.now() + run.lease_s)
            self._runner.submit(claim)

    def _step(self, run: _Run) -> bool:
        """Collect and settle once, or wait for what is due later; false when nothing is left to do."""
        if run.in_flight:
            self._settle(run, self._runner.collect(self._pace.collect_s))
            return True
        ready_s = self._store.next_ready_s(run.job_id)
        if ready_s is None:
            return False
        if ready_s > 0 or self._runner.capacity() <= 0:
            self._clock.sleep(min(max(ready_s, 0.05), self._pace.idle_s))
        return True

    def _settle(self, run: _Run, outcomes: list[Outcome]) -> None:
        reports = []
        for outcome in outcomes:
            key = (outcome.item_id, outcome.attempt)
            claim, _ = run.in_flight.pop(key, (run.given_up.pop(key, None), 0.0))
            if claim is not None:
                reports.append((claim, outcome))
        reports += self._overdue(run)
        if reports:
            run.settler.settle(reports)
            self._tell(run.job_id)

    def _overdue(self, run: _Run) -> Iterator[tuple[Claim, Outcome]]:
        now = self._clock.now()
        reason, kind = f"no report within {run.lease_s:g} s", OutcomeClass.TIMEOUT
        for key, (claim, deadline) in list(run.in_flight.items()):
            if deadline <= now:
                del run.in_flight[key]
                # Should it report after all, the fence refuses it, and its file is removed.
                run.given_up[key] = claim
                item_id, attempt = key
                yield claim, Outcome(item_id=item_id, attempt=attempt, outcome_class=kind, reason=reason)

    def _leave(self, run: _Run, state: JobState, *, drain_s: float) -> JobState:
        deadline = self._clock.now() + drain_s
        while run.in_flight and self._clock.now() < deadline:
            self._settle(run, self._runner.collect(self._pace.collect_s))
        self._drop(run)
        if state is JobState.CANCELLING:
            self._store.cancel_items(run.job_id)
        event = JobEvent.DRAIN if state in (JobState.PAUSING, JobState.CANCELLING) else JobEvent.INTERRUPT
        return self._move(run.job_id, event)

    def _drop(self, run: _Run) -> None:
        self._runner.cancel()
        self._store.give_back(run.job_id, epoch=run.epoch)
        for claim, _ in run.in_flight.values():
            self._publisher.discard(claim)
        run.in_flight.clear()

    def _is_over(self, run: _Run, snapshot: JobSnapshot) -> bool:
        allowed = run.allowed_failures(snapshot.total)
        return allowed is not None and snapshot.lost > allowed

    def _fail(self, run: _Run, snapshot: JobSnapshot) -> JobState:
        self._drop(run)
        allowed = run.allowed_failures(snapshot.total)
        reason = f"{snapshot.lost} of {snapshot.total} items failed, max_failed allows {allowed}"
        return self._move(run.job_id, JobEvent.FAIL, reason)

    def _conclude(self, job_id: str) -> JobState:
        snapshot = self._store.snapshot(job_id)
        whole = snapshot.lost == 0 and snapshot.counts[ItemState.CANCELLED] == 0
        return self._move(job_id, JobEvent.COMPLETE if whole else JobEvent.COMPLETE_WITH_FAILURES)

    def _move(self, job_id: str, event: JobEvent, reason: str = "") -> JobState:
        state = self._store.move_job(job_id, event, reason=reason)
        self._tell(job_id)
        return state

    def _tell(self, job_id: str) -> None:
        self._listener.on_job(self._store.snapshot(job_id))


class _Counted:
    """Counts what passes through, so that nothing can vanish between two stages unseen."""

    def __init__(self, items: Iterator[NewItem]) -> None:
        self._items, self.count = items, 0

    def __iter__(self) -> Iterator[NewItem]:
        for item in self._items:
            self.count += 1
            yield item
