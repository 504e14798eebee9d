"""Routes about whole jobs: submit, list, show, change, move, verify, report."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from giornata.cluster.service.dependencies import After, JobId, JobServiceDep, Limit
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
def submit(order: SubmitOrder, job_service: JobServiceDep, response: Response) -> Submitted | Plan:
    """Store a job, 201, or find the one this token or this live batch made, 200; a dry run stores nothing."""
    base = FilePath(order.base)
    if order.dry_run:
        response.status_code = 200
        return Plan(plan=job_service.plan(order.spec, base=base))
    submitted = job_service.submit(
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
    job_service: JobServiceDep,
    state: Annotated[list[JobState] | None, Query(description="only jobs in these states")] = None,
    after: After = None,
    limit: Limit = 100,
) -> JobPage:
    """Jobs, the newest first."""
    return job_service.jobs(states=state, after=after, limit=limit)


@router.get("/{job_id}")
def job(job_id: JobId, job_service: JobServiceDep) -> JobDetail:
    """One job with its spec, and its failures counted by class."""
    return job_service.job(job_id)


@router.patch("/{job_id}")
def set_job(job_id: JobId, order: SetOrder, job_service: JobServiceDep) -> JobView:
    """Change priority or most workers."""
    return job_service.set_job(
        job_id, priority=order.priority, max_workers=order.max_workers, unlimited=order.unlimited
    )


@router.post("/{job_id}/pause")
def pause(job_id: JobId, job_service: JobServiceDep) -> JobView:
    """Let running items end and start no others."""
    return job_service.pause(job_id)


@router.post("/{job_id}/resume")
def resume(job_id: JobId, job_service: JobServiceDep) -> JobView:
    """Go on with a paused job."""
    return job_service.resume(job_id)


@router.post("/{job_id}/cancel")
def cancel(job_id: JobId, job_service: JobServiceDep) -> JobView:
    """Stop at the next tile, and render nothing more."""
    return job_service.cancel(job_id)


@router.post("/{job_id}/retry")
def retry(job_id: JobId, order: RetryOrder, job_service: JobServiceDep) -> Changed:
    """Put items back in the queue; an ended job goes on."""
    return job_service.retry(job_id, states=order.states, classes=order.classes, items=order.items)


@router.post("/{job_id}/skip")
def skip(job_id: JobId, order: SkipOrder, job_service: JobServiceDep) -> Changed:
    """Leave items out."""
    return job_service.skip(job_id, order.items, reason=order.reason)


@router.post("/{job_id}/verify")
def verify(job_id: JobId, order: VerifyOrder, job_service: JobServiceDep) -> VerifiedView:
    """Read every delivered file again."""
    return job_service.verify(job_id, repair=order.repair)


@router.get("/{job_id}/report", response_class=HTMLResponse)
def report(job_id: JobId, job_service: JobServiceDep) -> HTMLResponse:
    """One self-contained page."""
    # File names of strangers are on it; even if one got through, nothing on the page may run.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
    return HTMLResponse(job_service.report(job_id), headers={"content-security-policy": policy})
