"""`Lifecycle`: takes jobs up, follows what people and brakes do to them, and ends those that are over."""

from collections.abc import Mapping
from contextlib import suppress

from giornata.jobs.errors import IllegalTransition, StorageError, Superseded
from giornata.jobs.manager.active_job import ActiveJob
from giornata.jobs.manager.completion import CompletionHandler
from giornata.jobs.manager.dispatcher import Dispatcher
from giornata.jobs.manager.listing import Listing
from giornata.jobs.manager.recovery import check_delivered, take_over
from giornata.jobs.manager.timing import Timeouts
from giornata.jobs.manager.worker_health import WorkerMonitor
from giornata.jobs.model.attempt import one_line
from giornata.jobs.model.ports import Both, Clock, JobSnapshot, Progress
from giornata.jobs.model.retry import RetryPolicy
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.spec.enums import StartWhen
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import JobRecord, LiveJob
from giornata.jobs.store.store import JobStore
from giornata.jobs.store.transitions import MANAGER

PUT_OFF_S = 30.0  # before a bucket that could not be looked at is asked again
LEAVING = (JobState.PAUSING, JobState.CANCELLING)


class Lifecycle:
    """Moves whole jobs between their states while a manager runs them; belongs to the manager's thread."""

    def __init__(
        self,
        store: JobStore,
        publisher: Publisher,
        window: Dispatcher,
        listing: Listing,
        supervisor: WorkerMonitor,
        *,
        policy: RetryPolicy,
        listener: Progress,
        pace: Timeouts,
        clock: Clock,
    ) -> None:
        self._store, self._publisher, self._window = store, publisher, window
        self._listing, self._policy, self._pace = listing, policy, pace
        self._clock, self._listener = clock, listener
        self._outcomes = Both(listener, supervisor)
        self._early: dict[str, bool] = {}
        self._told_at: dict[str, float] = {}
        self._not_before: dict[str, float] = {}

    def adopt(self, live: Mapping[str, LiveJob]) -> None:
        """Take up jobs that may run, and have the others listed."""
        for job in live.values():
            if not job.listed and job.state not in LEAVING:
                self._listing.want(job.job_id)
            if job.job_id not in self._window.runs and self._may_begin(job):
                try:
                    self.begin(self._store.jobs.get(job.job_id))
                except IllegalTransition:
                    continue  # moved since it was read: the next round will see
                except StorageError as problem:
                    self._put_off(job.job_id, problem)

    def begin(self, record: JobRecord) -> None:
        """Take a job up: fence out earlier managers, look at what it delivered, and let it run."""
        if record.state not in LEAVING:
            self._store.jobs.move(record.job_id, JobEvent.START)
        epoch = take_over(self._store, self._publisher, record.job_id)
        if record.listed:
            check_delivered(self._store, self._publisher, record.job_id)
        else:
            self._listing.want(record.job_id)
        policy = self._policy.with_retries(record.spec.policy.retries)
        settler = CompletionHandler(self._store, self._publisher, policy, self._outcomes)
        self._window.runs[record.job_id] = ActiveJob(
            self._store, record, epoch, settler, self._clock, grace_s=self._pace.grace_s
        )
        self._tell(record.job_id)

    def attend(self, live: Mapping[str, LiveJob]) -> None:
        """Follow what people and events did to the jobs, and end those that are over. Raises `Superseded`."""
        for run in list(self._window.runs.values()):
            job = live.get(run.job_id)
            if job is None:  # ended by someone else, such as a listing that was refused
                self._window.drop(run)
                self._forget(run)
            elif job.epoch != run.epoch:
                self._window.runs.pop(run.job_id)
                raise Superseded(run.job_id, run.epoch, job.epoch)
            elif job.state is JobState.CANCELLING:
                self._window.drop(run)
                self._store.items.cancel(run.job_id)
                self._end(run, JobEvent.DRAIN)
            elif job.state is JobState.PAUSING:
                if run.is_idle:
                    self._end(run, JobEvent.DRAIN, self._store.jobs.get(run.job_id).reason)
            elif not self._is_braked(run, job):
                self._remind(run.job_id)
                self._complete(run, job)

    def leave(self) -> None:
        """Let running items end for a while, return the rest to the queue, and the jobs with them."""
        deadline = self._clock.now() + self._pace.drain_s
        while not self._window.is_empty and self._clock.now() < deadline:
            self._window.collect(self._pace.collect_s)
        for run in list(self._window.runs.values()):
            self._window.drop(run)
            leaving = self._store.jobs.snapshot(run.job_id).state in LEAVING
            self._end(run, JobEvent.DRAIN if leaving else JobEvent.INTERRUPT)

    def _put_off(self, job_id: str, problem: StorageError) -> None:
        """Leave a job whose bucket cannot be looked at now for later; others do not wait for it."""
        self._not_before[job_id] = self._clock.now() + PUT_OFF_S
        self._store.events.append(
            "storage_waits", actor=MANAGER, detail=one_line(str(problem)), job_id=job_id
        )

    def _may_begin(self, job: LiveJob) -> bool:
        if job.state is JobState.PAUSED or self._clock.now() < self._not_before.get(job.job_id, 0.0):
            return False
        if job.state in (JobState.LISTING, JobState.QUEUED) and not job.listed:
            return self._starts_at_once(job.job_id)
        return job.state is not JobState.LISTING

    def _starts_at_once(self, job_id: str) -> bool:
        if job_id not in self._early:
            self._early[job_id] = self._store.jobs.get(job_id).spec.policy.start is StartWhen.AT_ONCE
        return self._early[job_id]

    def _is_braked(self, run: ActiveJob, job: LiveJob) -> bool:
        """Apply `max_failed` and the canary after items have been settled; whether the job has ended."""
        if not run.changed:
            return False
        run.changed = False
        snapshot = self._tell(run.job_id, seldom=True)
        allowed = run.policy.allowed_failures(snapshot.total) if job.listed else None
        if allowed is not None and snapshot.lost > allowed:
            reason = f"{snapshot.lost} of {snapshot.total} items failed, max_failed allows {allowed}"
            self._window.drop(run)
            self._end(run, JobEvent.FAIL, reason)
            return True
        verdict = run.canary_verdict() if job.canary_open and run.policy.canary and snapshot.lost else None
        if verdict:
            with suppress(IllegalTransition):
                self._store.jobs.move(run.job_id, JobEvent.CANARY, reason=verdict)
        return verdict is not None

    def _complete(self, run: ActiveJob, job: LiveJob) -> None:
        if job.listed and run.is_idle and self._store.leases.next_ready_s(run.job_id) is None:
            counts = self._store.jobs.snapshot(run.job_id)
            whole = counts.lost == 0 and counts.counts[ItemState.CANCELLED] == 0
            self._end(run, JobEvent.COMPLETE if whole else JobEvent.COMPLETE_WITH_FAILURES)

    def _end(self, run: ActiveJob, event: JobEvent, reason: str = "") -> None:
        """End or pause a job, unless a person has moved it meanwhile: then the next round sees what to do."""
        with suppress(IllegalTransition):
            self._store.jobs.move(run.job_id, event, reason=reason)
            self._forget(run)

    def _forget(self, run: ActiveJob) -> None:
        self._window.close(run)
        self._early.pop(run.job_id, None)
        self._tell(run.job_id)
        self._told_at.pop(run.job_id, None)
        self._not_before.pop(run.job_id, None)

    def _remind(self, job_id: str) -> None:
        if self._clock.now() - self._told_at.get(job_id, 0.0) >= self._pace.remind_s:
            self._tell(job_id)

    def _tell(self, job_id: str, *, seldom: bool = False) -> JobSnapshot:
        snapshot, now = self._store.jobs.snapshot(job_id), self._clock.now()
        if not seldom or now - self._told_at.get(job_id, 0.0) >= self._pace.tell_s:
            self._told_at[job_id] = now
            self._listener.on_job(snapshot)
        return snapshot
