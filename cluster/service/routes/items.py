"""Routes about the items of a job."""

from typing import Annotated

from fastapi import APIRouter, Query

from giornata.cluster.service.dependencies import After, ItemId, JobId, JobServiceDep, Limit
from giornata.cluster.service.schemas.jobs import AttemptList, ItemPage, ItemView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState

router = APIRouter(prefix="/jobs/{job_id}/items", tags=["items"])


@router.get("")
def items(
    job_id: JobId,
    job_service: JobServiceDep,
    state: Annotated[list[ItemState] | None, Query(description="only items in these states")] = None,
    kind: Annotated[
        list[OutcomeClass] | None, Query(alias="class", description="only items that ended like this")
    ] = None,
    after: After = None,
    limit: Limit = 200,
) -> ItemPage:
    """Items in order."""
    return job_service.items(job_id, states=state, classes=kind, after=after, limit=limit)


@router.get("/{item_id}")
def item(job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> ItemView:
    """One item."""
    return job_service.item(job_id, item_id)


@router.get("/{item_id}/attempts")
def attempts(job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> AttemptList:
    """The attempts of an item that failed or were tried again."""
    return job_service.attempts(job_id, item_id)
