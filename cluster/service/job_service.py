"""`JobService`: `JobApi` as transactions of the store; it knows no HTTP, and not how jobs run."""

import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from giornata import __version__
from giornata.cluster.errors import InvalidParameter
from giornata.cluster.service import duplicates, maintenance, validation, worker_control
from giornata.cluster.service.api import LOST, PRIORITY
from giornata.cluster.service.maintenance import MaintenanceTools
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
    maintenance_tools: MaintenanceTools
    accept: Accept
    planner: Callable[[JobSpec, Path], PlanReport]
    clock: Clock = field(default_factory=SystemClock)
    rates: Rates = field(default_factory=Rates)
    role: Callable[[], Role] = lambda: Role.ACTIVE
    actor: str = "local"

    def acting(self, actor: str) -> "JobService":
        """The same service on behalf of another person."""
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
        validation.number_of("priority", priority, low=PRIORITIES[0], high=PRIORITIES[1])
        validation.number_of("max_workers", max_workers, low=1, high=MOST_WORKERS)
        base = validation.base_of(base)
        existing = duplicates.find(self.store, spec, base=base, token=client_token, owner=self.actor)
        if existing:
            return Submitted(job=self._view(existing), created=False)
        validation.check_named_inputs(spec, base)
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
        base = validation.base_of(base)
        validation.check_named_inputs(spec, base)
        return self.planner(spec, base)

    def jobs(
        self, *, states: Collection[JobState] | None = None, after: str | None = None, limit: int = 100
    ) -> JobPage:
        after = after and validation.name_of("after", after)
        lines = self.store.jobs.page(states=states or None, after=after, limit=validation.limit_of(limit))
        cursor = lines[-1].job_id if len(lines) == limit else None
        return JobPage(jobs=tuple(map(self._shown, lines)), next=cursor)

    def job(self, job_id: str) -> JobDetail:
        record = self.store.jobs.get(job_id)
        causes = {kind or "other": count for kind, count in self.store.items.lost_by_class(job_id).items()}
        fields = job_fields(record, self.rates.of(record, now=self.clock.now()))
        return JobDetail(**fields, spec=shown_spec(record.spec), base=str(record.base), causes=causes)

    def follow(self, job_id: str) -> Iterator[JobView]:
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
        lines |= {line.job_id: line for line in duplicates.live_jobs(self.store)}
        return {job_id: self._shown(line) for job_id, line in lines.items()}

    def pause(self, job_id: str) -> JobView:
        return self._move(job_id, JobEvent.PAUSE)

    def resume(self, job_id: str) -> JobView:
        return self._move(job_id, JobEvent.RESUME)

    def cancel(self, job_id: str) -> JobView:
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
        self.store.jobs.snapshot(job_id)
        requested = set(states) - {ItemState.QUEUED, ItemState.LEASED}
        moved = self.store.items.reopen(
            job_id, requested, classes=classes or None, items=items or None, actor=self.actor
        )
        if moved:
            self.store.jobs.move(job_id, JobEvent.RETRY, actor=self.actor)
        return Changed(job=self._view(job_id), items=moved)

    def skip(self, job_id: str, items: Collection[str], *, reason: str = "") -> Changed:
        validation.words_of("reason", reason)
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
        validation.number_of("priority", priority, low=PRIORITIES[0], high=PRIORITIES[1])
        validation.number_of("max_workers", max_workers, low=1, high=MOST_WORKERS)
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
        self.store.jobs.snapshot(job_id)
        position = validation.item_cursor(after)
        size = validation.limit_of(limit)
        records = self.store.items.page(
            job_id, states=states or None, classes=classes or None, after=position, limit=size
        )
        cursor = f"{records[-1].position}:{records[-1].item_id}" if len(records) == size else None
        return ItemPage(items=tuple(map(ItemView.of, records)), next=cursor)

    def item(self, job_id: str, item_id: str) -> ItemView:
        return ItemView.of(self.store.items.get(job_id, item_id))

    def attempts(self, job_id: str, item_id: str) -> AttemptList:
        self.store.items.get(job_id, item_id)
        records = self.store.items.attempts(job_id, item_id)
        return AttemptList(attempts=tuple(AttemptView.model_validate(record) for record in records))

    # Files

    def verify(self, job_id: str, *, repair: bool = False) -> VerifiedView:
        return maintenance.verify(
            self.store, self.publisher, self.maintenance_tools, job_id, repair=repair, actor=self.actor
        )

    def report(self, job_id: str) -> str:
        self.store.jobs.snapshot(job_id)
        return self.maintenance_tools.report(self.store, job_id)

    def recover(self) -> Recovered:
        return maintenance.recover(self.store, self.publisher, self.maintenance_tools, actor=self.actor)

    def gc(self, *, dry_run: bool = True) -> Cleaned:
        return maintenance.clean(self.store, self.maintenance_tools, dry_run=dry_run, actor=self.actor)

    # Workers and events

    def workers(self) -> WorkerList:
        return worker_control.list_workers(self.store)

    def drain(self, worker: str, *, reason: str = "") -> WorkerList:
        return worker_control.hold(self.store, worker, BlockKind.DRAIN, reason=reason, actor=self.actor)

    def block(self, worker: str, *, reason: str = "") -> WorkerList:
        return worker_control.hold(self.store, worker, BlockKind.BLOCK, reason=reason, actor=self.actor)

    def unblock(self, worker: str) -> WorkerList:
        return worker_control.release(self.store, worker, actor=self.actor)

    def events(
        self,
        *,
        job_id: str | None = None,
        after: str | None = None,
        kinds: Collection[str] | None = None,
        limit: int = 200,
    ) -> EventPage:
        if job_id is not None:
            self.store.jobs.snapshot(job_id)
        position, size = validation.event_cursor(after), validation.limit_of(limit)
        records = self.store.events.page(job_id=job_id, after=position, kinds=kinds or None, limit=size)
        cursor = str(records[-1].event_id) if len(records) == size else None
        return EventPage(events=tuple(EventView.model_validate(record) for record in records), next=cursor)

    def health(self) -> Health:
        self.store.events.setting("schema_version")
        return Health(role=self.role(), version=__version__)

    # What the operations have in common

    def _move(self, job_id: str, event: JobEvent) -> JobView:
        self.store.jobs.move(job_id, event, actor=self.actor)
        return self._view(job_id)

    def _shown(self, line: JobLine) -> JobView:
        return JobView.of(line, self.rates.of(line, now=self.clock.now()))

    def _view(self, job_id: str) -> JobView:
        return self._shown(self.store.jobs.get(job_id))
