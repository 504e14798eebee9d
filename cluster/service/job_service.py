"""`JobService`: `JobApi` as transactions of the store; it knows no HTTP, and not how jobs run."""

import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from giornata import __version__
from giornata.cluster.errors import InvalidParameter
from giornata.cluster.service import duplicates as submitted
from giornata.cluster.service import maintenance as keeping
from giornata.cluster.service import validation as questions
from giornata.cluster.service import worker_control as holding
from giornata.cluster.service.api import LOST, PRIORITY
from giornata.cluster.service.maintenance import Upkeep
from giornata.cluster.service.rates import Rates
from giornata.cluster.service.schemas.base import Health, Role
from giornata.cluster.service.schemas.jobs import (
    AttemptList,
    AttemptView,
    Changed,
    ItemPage,
    ItemView,
    JobDetail,
    JobPage,
    JobView,
    Submitted,
    job_fields,
    shown_spec,
)
from giornata.cluster.service.schemas.service import (
    Cleaned,
    EventPage,
    EventView,
    Recovered,
    VerifiedView,
    WorkerList,
)
from giornata.jobs.clock import SystemClock
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.ports import Clock
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.planning.style_resolver import StyleCatalog
from giornata.jobs.planning.validate import check_whole
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import UNSET, BlockKind, JobLine
from giornata.jobs.store.store import JobStore

FOLLOW_S = 1.0
PRIORITIES = (0, 100)
MOST_WORKERS = 100_000


class Accept(Protocol):
    """Stores a job that somebody will list and run: `JobManager.accept`, or the store itself."""

    def __call__(
        self,
        spec: JobSpec,
        *,
        base: Path,
        client_token: str,
        owner: str,
        priority: int,
        max_workers: int | None,
    ) -> str: ...


@dataclass(frozen=True)
class JobService:
    """The `JobApi` of a store in this process; `actor` is who asks, in events and as the owner of jobs."""

    store: JobStore
    styles: StyleCatalog
    publisher: Publisher
    upkeep: Upkeep
    accept: Accept
    planner: Callable[[JobSpec, Path], PlanReport]
    clock: Clock = field(default_factory=SystemClock)
    rates: Rates = field(default_factory=Rates)
    role: Callable[[], Role] = lambda: Role.ACTIVE
    actor: str = "local"

    def acting(self, actor: str) -> "JobService":
        """This desk for somebody else."""
        return replace(self, actor=actor)

    # Jobs

    def submit(
        self,
        spec: JobSpec,
        *,
        base: Path,
        client_token: str = "",
        priority: int = PRIORITY,
        max_workers: int | None = None,
    ) -> Submitted:
        """See `JobApi.submit`. Raises `PlanRefused` for what can be seen without listing."""
        questions.number_of("priority", priority, low=PRIORITIES[0], high=PRIORITIES[1])
        questions.number_of("max_workers", max_workers, low=1, high=MOST_WORKERS)
        base = questions.base_of(base)
        existing = submitted.known(self.store, spec, base=base, token=client_token, owner=self.actor)
        if existing:
            return Submitted(job=self._view(existing), created=False)
        questions.check_named_inputs(spec, base)
        check_whole(spec, base, self.styles)
        job_id = self.accept(
            spec,
            base=base,
            # A batch that has ended may be submitted again: what is delivered and intact is skipped.
            client_token=client_token or f"submit:{secrets.token_hex(12)}",
            owner=self.actor,
            priority=priority,
            max_workers=max_workers,
        )
        return Submitted(job=self._view(job_id), created=True)

    def plan(self, spec: JobSpec, *, base: Path) -> PlanReport:
        """See `JobApi.plan`. Raises `PlanRefused`."""
        base = questions.base_of(base)
        questions.check_named_inputs(spec, base)
        return self.planner(spec, base)

    def jobs(
        self, *, states: Collection[JobState] | None = None, after: str | None = None, limit: int = 100
    ) -> JobPage:
        """See `JobApi.jobs`."""
        after = after and questions.name_of("after", after)
        lines = self.store.jobs.page(states=states or None, after=after, limit=questions.limit_of(limit))
        cursor = lines[-1].job_id if len(lines) == limit else None
        return JobPage(jobs=tuple(map(self._shown, lines)), next=cursor)

    def job(self, job_id: str) -> JobDetail:
        """See `JobApi.job`. Raises `UnknownJob`."""
        record = self.store.jobs.get(job_id)
        causes = {kind or "other": count for kind, count in self.store.items.lost_by_class(job_id).items()}
        fields = job_fields(record, self.rates.of(record, now=self.clock.now()))
        return JobDetail(**fields, spec=shown_spec(record.spec), base=str(record.base), causes=causes)

    def follow(self, job_id: str) -> Iterator[JobView]:
        """See `JobApi.follow`. Raises `UnknownJob`."""
        last: JobView | None = None
        while last is None or not last.state.is_terminal:
            if last is not None:
                self.clock.sleep(FOLLOW_S)
            view = self._view(job_id)
            if view != last:
                yield view
            last = view

    def live(self, *, newest: int = 50) -> dict[str, JobView]:
        """Every job that has not ended, and the `newest` of all, for those who watch."""
        lines = {line.job_id: line for line in self.store.jobs.page(limit=newest)}
        lines |= {line.job_id: line for line in submitted.going_on(self.store)}
        return {job_id: self._shown(line) for job_id, line in lines.items()}

    def pause(self, job_id: str) -> JobView:
        """See `JobApi.pause`. Raises `UnknownJob`, `IllegalTransition`."""
        return self._move(job_id, JobEvent.PAUSE)

    def resume(self, job_id: str) -> JobView:
        """See `JobApi.resume`. Raises `UnknownJob`, `IllegalTransition`."""
        return self._move(job_id, JobEvent.RESUME)

    def cancel(self, job_id: str) -> JobView:
        """See `JobApi.cancel`. Raises `UnknownJob`, `IllegalTransition`."""
        state = self.store.jobs.move(job_id, JobEvent.CANCEL, actor=self.actor)
        if state is JobState.CANCELLED:  # nothing of it was running, so nobody else will do this
            self.store.items.cancel(job_id)
        return self._view(job_id)

    def retry(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] = LOST,
        classes: Collection[OutcomeClass] | None = None,
        items: Collection[str] | None = None,
    ) -> Changed:
        """See `JobApi.retry`. Raises `UnknownJob`."""
        self.store.jobs.snapshot(job_id)
        requested = set(states) - {ItemState.QUEUED, ItemState.LEASED}
        moved = self.store.items.reopen(
            job_id, requested, classes=classes or None, items=items or None, actor=self.actor
        )
        if moved:
            self.store.jobs.move(job_id, JobEvent.RETRY, actor=self.actor)
        return Changed(job=self._view(job_id), items=moved)

    def skip(self, job_id: str, items: Collection[str], *, reason: str = "") -> Changed:
        """See `JobApi.skip`. Raises `UnknownJob`, `UnknownItem`."""
        questions.words_of("reason", reason)
        for item_id in items:
            self.store.items.get(job_id, item_id)
        message = reason or f"skipped by {self.actor}"
        moved = self.store.items.skip(job_id, list(items), actor=self.actor, reason=message)
        return Changed(job=self._view(job_id), items=moved)

    def set_job(
        self,
        job_id: str,
        *,
        priority: int | None = None,
        max_workers: int | None = None,
        unlimited: bool = False,
    ) -> JobView:
        """See `JobApi.set_job`. Raises `UnknownJob`, `InvalidParameter`."""
        questions.number_of("priority", priority, low=PRIORITIES[0], high=PRIORITIES[1])
        questions.number_of("max_workers", max_workers, low=1, high=MOST_WORKERS)
        if unlimited and max_workers is not None:
            raise InvalidParameter("max_workers", max_workers, "nothing beside unlimited")
        limit = UNSET if max_workers is None and not unlimited else max_workers
        self.store.jobs.change(job_id, priority=priority, max_workers=limit, actor=self.actor)
        return self._view(job_id)

    # Items

    def items(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] | None = None,
        classes: Collection[OutcomeClass] | None = None,
        after: str | None = None,
        limit: int = 200,
    ) -> ItemPage:
        """See `JobApi.items`. Raises `UnknownJob`."""
        self.store.jobs.snapshot(job_id)
        place = questions.item_cursor(after)
        size = questions.limit_of(limit)
        records = self.store.items.page(
            job_id, states=states or None, classes=classes or None, after=place, limit=size
        )
        cursor = f"{records[-1].position}:{records[-1].item_id}" if len(records) == size else None
        return ItemPage(items=tuple(map(ItemView.of, records)), next=cursor)

    def item(self, job_id: str, item_id: str) -> ItemView:
        """See `JobApi.item`. Raises `UnknownJob`, `UnknownItem`."""
        return ItemView.of(self.store.items.get(job_id, item_id))

    def attempts(self, job_id: str, item_id: str) -> AttemptList:
        """See `JobApi.attempts`. Raises `UnknownJob`, `UnknownItem`."""
        self.store.items.get(job_id, item_id)
        records = self.store.items.attempts(job_id, item_id)
        return AttemptList(attempts=tuple(AttemptView.model_validate(record) for record in records))

    # Files

    def verify(self, job_id: str, *, repair: bool = False) -> VerifiedView:
        """See `JobApi.verify`. Raises `UnknownJob`."""
        return keeping.verify(
            self.store, self.publisher, self.upkeep, job_id, repair=repair, actor=self.actor
        )

    def report(self, job_id: str) -> str:
        """See `JobApi.report`. Raises `UnknownJob`."""
        self.store.jobs.snapshot(job_id)
        return self.upkeep.report(self.store, job_id)

    def recover(self) -> Recovered:
        """See `JobApi.recover`."""
        return keeping.recover(self.store, self.publisher, self.upkeep, actor=self.actor)

    def gc(self, *, dry_run: bool = True) -> Cleaned:
        """See `JobApi.gc`."""
        return keeping.clean(self.store, self.upkeep, dry_run=dry_run, actor=self.actor)

    # Workers and events

    def workers(self) -> WorkerList:
        """See `JobApi.workers`."""
        return holding.listed(self.store)

    def drain(self, worker: str, *, reason: str = "") -> WorkerList:
        """See `JobApi.drain`. Raises `UnknownWorker`."""
        return holding.hold(self.store, worker, BlockKind.DRAIN, reason=reason, actor=self.actor)

    def block(self, worker: str, *, reason: str = "") -> WorkerList:
        """See `JobApi.block`. Raises `UnknownWorker`."""
        return holding.hold(self.store, worker, BlockKind.BLOCK, reason=reason, actor=self.actor)

    def unblock(self, worker: str) -> WorkerList:
        """See `JobApi.unblock`. Raises `UnknownWorker`."""
        return holding.let_go(self.store, worker, actor=self.actor)

    def events(
        self,
        *,
        job_id: str | None = None,
        after: str | None = None,
        kinds: Collection[str] | None = None,
        limit: int = 200,
    ) -> EventPage:
        """See `JobApi.events`. Raises `UnknownJob`."""
        if job_id is not None:
            self.store.jobs.snapshot(job_id)
        place, size = questions.event_cursor(after), questions.limit_of(limit)
        records = self.store.events.page(job_id=job_id, after=place, kinds=kinds or None, limit=size)
        cursor = str(records[-1].event_id) if len(records) == size else None
        return EventPage(events=tuple(EventView.model_validate(record) for record in records), next=cursor)

    def health(self) -> Health:
        """See `JobApi.health`. Raises `StoreUnavailable`."""
        self.store.events.setting("schema_version")
        return Health(role=self.role(), version=__version__)

    # What the verbs have in common

    def _move(self, job_id: str, event: JobEvent) -> JobView:
        self.store.jobs.move(job_id, event, actor=self.actor)
        return self._view(job_id)

    def _shown(self, line: JobLine) -> JobView:
        return JobView.of(line, self.rates.of(line, now=self.clock.now()))

    def _view(self, job_id: str) -> JobView:
        return self._shown(self.store.jobs.get(job_id))
