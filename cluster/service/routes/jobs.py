"""Routes about whole jobs: submit, list, show, change, move, verify, report."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from giornata.cluster.service.dependencies import After, Asked, JobId, Limit
from giornata.cluster.service.schemas.jobs import Changed, JobDetail, JobPage, JobView, Plan, Submitted
from giornata.cluster.service.schemas.requests import (
    RetryOrder,
    SetOrder,
    SkipOrder,
    SubmitOrder,
    VerifyOrder,
)
from giornata.cluster.service.schemas.service import VerifiedView
from giornata.jobs.model.states import JobState

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post("", status_code=201, responses={200: {"model": Submitted | Plan}})
def submit(order: SubmitOrder, desk: Asked, response: Response) -> Submitted | Plan:
    """Store a job, 201, or find the one this token or this live batch made, 200; a dry run stores nothing."""
    base = FilePath(order.base)
    if order.dry_run:
        response.status_code = 200
        return Plan(plan=desk.plan(order.spec, base=base))
    submitted = desk.submit(
        order.spec,
        base=base,
        client_token=order.client_token,
        priority=order.priority,
        max_workers=order.max_workers,
    )
    response.status_code = 201 if submitted.created else 200
    return submitted


@router.get("")
def jobs(
    desk: Asked,
    state: Annotated[list[JobState] | None, Query(description="only jobs in these states")] = None,
    after: After = None,
    limit: Limit = 100,
) -> JobPage:
    """Jobs, the newest first."""
    return desk.jobs(states=state, after=after, limit=limit)


@router.get("/{job_id}")
def job(job_id: JobId, desk: Asked) -> JobDetail:
    """One job with its spec, and its failures counted by class."""
    return desk.job(job_id)


@router.patch("/{job_id}")
def set_job(job_id: JobId, order: SetOrder, desk: Asked) -> JobView:
    """Change priority or most workers."""
    return desk.set_job(
        job_id, priority=order.priority, max_workers=order.max_workers, unlimited=order.unlimited
    )


@router.post("/{job_id}/pause")
def pause(job_id: JobId, desk: Asked) -> JobView:
    """Let running items end and start no others."""
    return desk.pause(job_id)


@router.post("/{job_id}/resume")
def resume(job_id: JobId, desk: Asked) -> JobView:
    """Go on with a paused job."""
    return desk.resume(job_id)


@router.post("/{job_id}/cancel")
def cancel(job_id: JobId, desk: Asked) -> JobView:
    """Stop at the next tile, and render nothing more."""
    return desk.cancel(job_id)


@router.post("/{job_id}/retry")
def retry(job_id: JobId, order: RetryOrder, desk: Asked) -> Changed:
    """Put items back in the queue; an ended job goes on."""
    return desk.retry(job_id, states=order.states, classes=order.classes, items=order.items)


@router.post("/{job_id}/skip")
def skip(job_id: JobId, order: SkipOrder, desk: Asked) -> Changed:
    """Leave items out."""
    return desk.skip(job_id, order.items, reason=order.reason)


@router.post("/{job_id}/verify")
def verify(job_id: JobId, order: VerifyOrder, desk: Asked) -> VerifiedView:
    """Read every delivered file again."""
    return desk.verify(job_id, repair=order.repair)


@router.get("/{job_id}/report", response_class=HTMLResponse)
def report(job_id: JobId, desk: Asked) -> HTMLResponse:
    """One self-contained page."""
    # File names of strangers are on it; even if one got through, nothing on the page may run.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
    return HTMLResponse(desk.report(job_id), headers={"content-security-policy": policy})
