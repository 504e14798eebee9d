"""Routes that stream progress as server-sent events."""

import gzip
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.dependencies import ApiServicesDep, JobId
from giornata.cluster.service.problems import problem
from giornata.cluster.service.validation import NAME

router = APIRouter(tags=["streams"])
LastEvent = Annotated[str | None, Header(alias="Last-Event-ID")]
_MOSAIC: dict[int | str, dict[str, object]] = {200: {"content": {"application/octet-stream": {}}}}
_STREAM: dict[int | str, dict[str, object]] = {200: {"content": {"text/event-stream": {}}}}


@router.get("/stream", responses=_STREAM, response_class=StreamingResponse)
async def all_jobs(services: ApiServicesDep, last_event: LastEvent = None) -> Response:
    """What changes in any job, at most once a second."""
    return await _streamed(services.broadcaster, None, last_event)


@router.get("/jobs/{job_id}/stream", responses=_STREAM, response_class=StreamingResponse)
async def one_job(services: ApiServicesDep, job_id: JobId, last_event: LastEvent = None) -> Response:
    """What changes in one job, at most once a second, until it has ended."""
    return await _streamed(services.broadcaster, job_id, last_event)


@router.get("/watch", responses=_STREAM, response_class=StreamingResponse)
async def watch(
    services: ApiServicesDep,
    job: Annotated[str | None, Query(pattern=NAME, description="only this job, and its items")] = None,
    last: Annotated[
        str | None, Query(max_length=40, description="the last event of an earlier stream")
    ] = None,
    last_event: LastEvent = None,
) -> Response:
    """What changes in any job, or in one job and its items, without an end: for pages."""
    return await _streamed(services.broadcaster, job, last_event or last, ends=False, items=True)


@router.get("/jobs/{job_id}/mosaic", response_class=Response, responses=_MOSAIC)
def mosaic(services: ApiServicesDep, job_id: JobId) -> Response:
    """A letter for the state of every item in order: q, l, d, f, x, s, c, and a dot where there is none."""
    cells = gzip.compress(services.broadcaster.mosaics.cells(job_id), compresslevel=1, mtime=0)
    return Response(cells, media_type="application/octet-stream", headers={"content-encoding": "gzip"})


async def _streamed(
    broadcaster: EventBroadcaster,
    job_id: str | None,
    last_event: str | None,
    *,
    ends: bool = True,
    items: bool = False,
) -> Response:
    if broadcaster.is_full:
        return problem(429, "too_many_streams", "too many listeners, needed fewer streams or another service")
    events = await broadcaster.subscribe(job_id, _event_number(last_event), ends=ends, items=items)
    return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _event_number(last_event: str | None) -> int | None:
    """The number of an event; None for anything that is no number."""
    if last_event is None or not (last_event.isascii() and last_event.isdigit()):
        return None
    return int(last_event[:18])
