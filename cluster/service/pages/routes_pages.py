"""Routes of the pages about jobs, images, failures, workers and events."""

import time
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from giornata.cluster.service.asking import After, Asked, ItemId, JobId, Limit
from giornata.cluster.service.pages.look import page
from giornata.cluster.service.pages.pyramid import zoom_file
from giornata.cluster.service.pages.routes_delivered import is_kept
from giornata.cluster.service.pages.telling import causes_of, neighbours, spec_text
from giornata.cluster.service.questions import NAME
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState

router = APIRouter(include_in_schema=False)
ITEMS, EVENTS, JOBS = 60, 100, 50  # on one page
LOOKED_AT = 200  # jobs in which the page of all failures searches
States = Annotated[list[ItemState] | None, Query()]
Classes = Annotated[list[OutcomeClass] | None, Query(alias="class")]
Name = Annotated[str | None, Query(pattern=NAME)]


@router.get("/")
def jobs(request: Request, desk: Asked, state: Annotated[list[JobState] | None, Query()] = None) -> Response:
    """The list of jobs."""
    found = desk.jobs(states=state, limit=JOBS)
    return page(request, "jobs.html", here="jobs", jobs=found, chosen=state or [], now=time.time())


@router.get("/rows/{job_id}")
def row(request: Request, job_id: JobId, desk: Asked) -> Response:
    """One line of the list, for a page that is open when the job comes."""
    return page(request, "job_row.html", job=desk.job(job_id), now=time.time())


@router.get("/rows/jobs/{job_id}/items")
def item_rows(
    request: Request,
    job_id: JobId,
    desk: Asked,
    state: States = None,
    kind: Classes = None,
    after: After = None,
    limit: Limit = ITEMS,
) -> Response:
    """Some lines of a job's items; a header says how to go on."""
    found = desk.items(job_id, states=state, classes=kind, after=after, limit=limit)
    answer = page(request, "items_rows.html", items=found)
    answer.headers["x-next"] = found.next or ""
    return answer


@router.get("/jobs/{job_id}")
def job(request: Request, job_id: JobId, desk: Asked, state: States = None, kind: Classes = None) -> Response:
    """One job: its numbers, its mosaic and its items."""
    return page(
        request,
        "job.html",
        here="jobs",
        job=desk.job(job_id),
        spec=spec_text(desk, job_id),
        items=desk.items(job_id, states=state, classes=kind, limit=ITEMS),
        chosen=state or [],
        kinds=kind or [],
        now=time.time(),
    )


@router.get("/jobs/{job_id}/items/{item_id}")
def image(request: Request, job_id: JobId, item_id: ItemId, desk: Asked) -> Response:
    """One image: before and after, its tiles, its attempts."""
    item = desk.item(job_id, item_id)
    before, after = neighbours(desk.store, item)
    return page(
        request,
        "image.html",
        here="jobs",
        job=desk.job(job_id),
        item=item,
        attempts=desk.attempts(job_id, item_id).attempts,
        before=before,
        after=after,
        folder=zoom_file(Path(item.target)) if item.state is ItemState.DONE else "",
        is_kept=is_kept(item),
    )


@router.get("/failures")
def failures(request: Request, desk: Asked, job: Name = None) -> Response:
    """What went wrong, by cause, in one job or in the newest ones."""
    chosen = [desk.job(job)] if job else [one for one in desk.jobs(limit=LOOKED_AT).jobs if one.lost]
    found = [(one, causes_of(desk.store, one.job_id)) for one in chosen if one.lost]
    return page(request, "failures.html", here="failures", found=found, job=job)


@router.get("/workers")
def workers(request: Request, desk: Asked) -> Response:
    """The workers, and what keeps work from them."""
    return page(request, "workers.html", here="workers", list=desk.workers(), now=time.time())


@router.get("/rows/workers/all")
def worker_rows(request: Request, desk: Asked) -> Response:
    """The lines of the workers' page, as they are now."""
    return page(request, "worker_rows.html", list=desk.workers(), now=time.time())


@router.get("/events")
def events(
    request: Request, desk: Asked, job: Name = None, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """Who did what when, the newest first."""
    if job is not None:
        desk.job(job)
    found = desk.store.last_events(job_id=job, before=before, limit=EVENTS)
    return page(request, "events.html", here="events", events=found, job=job, more=len(found) == EVENTS)
