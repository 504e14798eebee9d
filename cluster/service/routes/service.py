"""Routes about the service as a whole: its health, its workers, its events, its maintenance."""

from typing import Annotated

from fastapi import APIRouter, Query

from giornata.cluster.service.dependencies import After, JobServiceDep, Limit, WorkerId
from giornata.cluster.service.schemas.base import Health
from giornata.cluster.service.schemas.requests import GcOrder, HoldOrder
from giornata.cluster.service.schemas.service import Cleaned, EventPage, Recovered, WorkerList
from giornata.cluster.service.validation import NAME

router = APIRouter(tags=["service"])


@router.get("/health")
def health(job_service: JobServiceDep) -> Health:
    """Whether this service manages the store or waits to; needs no token."""
    return job_service.health()


@router.get("/events")
def events(
    job_service: JobServiceDep,
    job: Annotated[str | None, Query(pattern=NAME, description="only what concerns this job")] = None,
    kind: Annotated[
        list[Annotated[str, Query(pattern=NAME)]] | None, Query(description="only events of these kinds")
    ] = None,
    after: After = None,
    limit: Limit = 200,
) -> EventPage:
    """Who did what when, in order."""
    return job_service.events(job_id=job, after=after, kinds=kind, limit=limit)


@router.get("/workers")
def workers(job_service: JobServiceDep) -> WorkerList:
    """The workers, and what keeps work from them."""
    return job_service.workers()


@router.post("/workers/{worker}/drain")
def drain(worker: WorkerId, order: HoldOrder, job_service: JobServiceDep) -> WorkerList:
    """Let a worker end what it has, then replace it."""
    return job_service.drain(worker, reason=order.reason)


@router.post("/workers/{worker}/block")
def block(worker: WorkerId, order: HoldOrder, job_service: JobServiceDep) -> WorkerList:
    """Give a worker no more work."""
    return job_service.block(worker, reason=order.reason)


@router.post("/workers/{worker}/unblock")
def unblock(worker: WorkerId, job_service: JobServiceDep) -> WorkerList:
    """Give a worker work again."""
    return job_service.unblock(worker)


@router.post("/recover")
def recover(job_service: JobServiceDep) -> Recovered:
    """Audit all jobs; take over those of a dead manager."""
    return job_service.recover()


@router.post("/gc")
def gc(order: GcOrder, job_service: JobServiceDep) -> Cleaned:
    """Find, and unless it is a dry run remove, what dead processes left behind."""
    return job_service.gc(dry_run=order.dry_run)
