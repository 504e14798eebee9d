"""Routes about the service as a whole: its health, its workers, its events, its upkeep."""

from typing import Annotated

from fastapi import APIRouter, Query

from giornata.cluster.service.dependencies import After, Asked, Limit, WorkerId
from giornata.cluster.service.schemas.base import Health
from giornata.cluster.service.schemas.requests import GcOrder, HoldOrder
from giornata.cluster.service.schemas.service import Cleaned, EventPage, Recovered, WorkerList
from giornata.cluster.service.validation import NAME

router = APIRouter(tags=["service"])


@router.get("/health")
def health(desk: Asked) -> Health:
    """Whether this service manages the store or waits to; needs no token."""
    return desk.health()


@router.get("/events")
def events(
    desk: Asked,
    job: Annotated[str | None, Query(pattern=NAME, description="only what concerns this job")] = None,
    kind: Annotated[
        list[Annotated[str, Query(pattern=NAME)]] | None, Query(description="only events of these kinds")
    ] = None,
    after: After = None,
    limit: Limit = 200,
) -> EventPage:
    """Who did what when, in order."""
    return desk.events(job_id=job, after=after, kinds=kind, limit=limit)


@router.get("/workers")
def workers(desk: Asked) -> WorkerList:
    """The workers, and what keeps work from them."""
    return desk.workers()


@router.post("/workers/{worker}/drain")
def drain(worker: WorkerId, order: HoldOrder, desk: Asked) -> WorkerList:
    """Let a worker end what it has, then replace it."""
    return desk.drain(worker, reason=order.reason)


@router.post("/workers/{worker}/block")
def block(worker: WorkerId, order: HoldOrder, desk: Asked) -> WorkerList:
    """Give a worker no more work."""
    return desk.block(worker, reason=order.reason)


@router.post("/workers/{worker}/unblock")
def unblock(worker: WorkerId, desk: Asked) -> WorkerList:
    """Give a worker work again."""
    return desk.unblock(worker)


@router.post("/recover")
def recover(desk: Asked) -> Recovered:
    """Audit all jobs; take over those of a dead manager."""
    return desk.recover()


@router.post("/gc")
def gc(order: GcOrder, desk: Asked) -> Cleaned:
    """Find, and unless it is a dry run remove, what dead processes left behind."""
    return desk.gc(dry_run=order.dry_run)
