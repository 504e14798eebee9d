"""Routes of the pages about jobs, images, failures, workers and events."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from giornata.cluster.dashboard.output_routes import is_kept
from giornata.cluster.dashboard.templating import render_page
from giornata.cluster.dashboard.zoom_files import zoom_file
from giornata.cluster.reporting.html import spec_words
from giornata.cluster.service.dependencies import After, ItemId, JobId, JobServiceDep, Limit
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.schemas.jobs import ItemView
from giornata.cluster.service.validation import NAME
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.store.records import ItemRecord
from giornata.jobs.store.store import JobStore

SAMPLES = 5
LOOKED_INTO = 2000  # failures of one class whose reasons are read
REASONS = 8


@dataclass
class FailureGroup:
    """Failures with the same reason."""

    reason: str
    count: int = 0
    samples: list[ItemRecord] = field(default_factory=list)
    first_at: float | None = None
    last_at: float | None = None

    def add(self, item: ItemRecord) -> None:
        """Take in one failure."""
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(item)
        if item.finished_at is not None:
            self.first_at = min(self.first_at or item.finished_at, item.finished_at)
            self.last_at = max(self.last_at or item.finished_at, item.finished_at)


@dataclass(frozen=True)
class FailureCause:
    """Failures of one class: how many, and the reasons of the first ones."""

    kind: str
    count: int
    looked_into: int
    groups: tuple[FailureGroup, ...]


def group_failures(store: JobStore, job_id: str) -> list[FailureCause]:
    """The failures of a job by cause, the most frequent first. Raises `UnknownJob`."""
    counts = store.items.lost_by_class(job_id)
    lost = [state for state in ItemState if state.is_lost]
    causes = []
    for kind, count in sorted(counts.items(), key=lambda entry: -entry[1]):
        classes = [OutcomeClass(kind)] if kind else None
        items = store.items.page(job_id, states=lost, classes=classes, limit=LOOKED_INTO)
        items = [item for item in items if kind or item.outcome_class is None]
        groups: dict[str, FailureGroup] = {}
        for item in items:
            key = reason_pattern(item)
            groups.setdefault(key, FailureGroup(key)).add(item)
        ordered = sorted(groups.values(), key=lambda group: -group.count)[:REASONS]
        causes.append(FailureCause(kind or "other", count, len(items), tuple(ordered)))
    return causes


def reason_pattern(item: ItemRecord) -> str:
    """The reason an item failed, without the names that are its own."""
    reason = item.reason
    for path, word in ((item.source, "<source>"), (item.target, "<target>")):
        reason = reason.replace(path, word).replace(path.rpartition("/")[2] or path, word)
    return reason


def neighbours(store: JobStore, item: ItemView) -> tuple[str | None, str | None]:
    """The ids of the items before and after this one."""
    after = store.items.page(item.job_id, after=(item.position, item.item_id), limit=1)
    # Positions may have gaps where a listing met an item a second time.
    before = None
    for width in (1, 50, 1000):
        start = (max(-1, item.position - width - 1), "~")
        candidates = store.items.page(item.job_id, after=start, limit=width)
        earlier = [candidate for candidate in candidates if candidate.position < item.position]
        if earlier:
            before = earlier[-1].item_id
            break
    return before, after[0].item_id if after else None


def spec_text(job_service: JobService, job_id: str) -> str:
    """The spec of a job as text."""
    return spec_words(job_service.job(job_id).spec)


router = APIRouter(include_in_schema=False)
ITEMS, EVENTS, JOBS = 60, 100, 50  # on one page
LOOKED_AT = 200  # jobs in which the page of all failures searches
States = Annotated[list[ItemState] | None, Query()]
Classes = Annotated[list[OutcomeClass] | None, Query(alias="class")]
Name = Annotated[str | None, Query(pattern=NAME)]


@router.get("/")
def jobs(
    request: Request, job_service: JobServiceDep, state: Annotated[list[JobState] | None, Query()] = None
) -> Response:
    """The list of jobs."""
    job_page = job_service.jobs(states=state, limit=JOBS)
    return render_page(request, "jobs.html", here="jobs", jobs=job_page, chosen=state or [], now=time.time())


@router.get("/rows/{job_id}")
def row(request: Request, job_id: JobId, job_service: JobServiceDep) -> Response:
    """One line of the list, for a page that is open when the job comes."""
    return render_page(request, "job_row.html", job=job_service.job(job_id), now=time.time())


@router.get("/rows/jobs/{job_id}/items")
def item_rows(
    request: Request,
    job_id: JobId,
    job_service: JobServiceDep,
    state: States = None,
    kind: Classes = None,
    after: After = None,
    limit: Limit = ITEMS,
) -> Response:
    """Some lines of a job's items; a header says how to go on."""
    item_page = job_service.items(job_id, states=state, classes=kind, after=after, limit=limit)
    answer = render_page(request, "items_rows.html", items=item_page)
    answer.headers["x-next"] = item_page.next or ""
    return answer


@router.get("/jobs/{job_id}")
def job(
    request: Request, job_id: JobId, job_service: JobServiceDep, state: States = None, kind: Classes = None
) -> Response:
    """One job: its numbers, its mosaic and its items."""
    return render_page(
        request,
        "job.html",
        here="jobs",
        job=job_service.job(job_id),
        spec=spec_text(job_service, job_id),
        items=job_service.items(job_id, states=state, classes=kind, limit=ITEMS),
        chosen=state or [],
        kinds=kind or [],
        now=time.time(),
    )


@router.get("/jobs/{job_id}/items/{item_id}")
def image(request: Request, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """One image: before and after, its tiles, its attempts."""
    item = job_service.item(job_id, item_id)
    before, after = neighbours(job_service.store, item)
    return render_page(
        request,
        "image.html",
        here="jobs",
        job=job_service.job(job_id),
        item=item,
        attempts=job_service.attempts(job_id, item_id).attempts,
        before=before,
        after=after,
        folder=zoom_file(Path(item.target)) if item.state is ItemState.DONE else "",
        is_kept=is_kept(item),
    )


@router.get("/failures")
def failures(request: Request, job_service: JobServiceDep, job: Name = None) -> Response:
    """Failures by cause, in one job or in the newest ones."""
    chosen = (
        [job_service.job(job)]
        if job
        else [view for view in job_service.jobs(limit=LOOKED_AT).jobs if view.lost]
    )
    causes = [(view, group_failures(job_service.store, view.job_id)) for view in chosen if view.lost]
    return render_page(request, "failures.html", here="failures", found=causes, job=job)


@router.get("/workers")
def workers(request: Request, job_service: JobServiceDep) -> Response:
    """The workers, and what keeps work from them."""
    return render_page(request, "workers.html", here="workers", list=job_service.workers(), now=time.time())


@router.get("/rows/workers/all")
def worker_rows(request: Request, job_service: JobServiceDep) -> Response:
    """The lines of the workers' page, as they are now."""
    return render_page(request, "worker_rows.html", list=job_service.workers(), now=time.time())


@router.get("/events")
def events(
    request: Request,
    job_service: JobServiceDep,
    job: Name = None,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The page of events, the newest first."""
    if job is not None:
        job_service.job(job)
    records = job_service.store.events.last(job_id=job, before=before, limit=EVENTS)
    return render_page(
        request, "events.html", here="events", events=records, job=job, more=len(records) == EVENTS
    )
