"""Routes that stream progress as server-sent events."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from giornata.cluster.service.asking import JobId
from giornata.cluster.service.hub import Hub
from giornata.cluster.service.problems import problem

router = APIRouter(tags=["streams"])
LastEvent = Annotated[str | None, Header(alias="Last-Event-ID")]
_STREAM: dict[int | str, dict[str, object]] = {200: {"content": {"text/event-stream": {}}}}


@router.get("/stream", responses=_STREAM, response_class=StreamingResponse)
async def all_jobs(request: Request, last_event: LastEvent = None) -> Response:
    """What changes in any job, at most once a second."""
    return await _streamed(request, None, last_event)


@router.get("/jobs/{job_id}/stream", responses=_STREAM, response_class=StreamingResponse)
async def one_job(request: Request, job_id: JobId, last_event: LastEvent = None) -> Response:
    """What changes in one job, at most once a second, until it has ended."""
    return await _streamed(request, job_id, last_event)


async def _streamed(request: Request, job_id: str | None, last_event: str | None) -> Response:
    hub: Hub = request.app.state.hub
    if hub.is_full:
        return problem(429, "too_many_streams", "too many listeners, needed fewer streams or another service")
    is_number = bool(last_event) and last_event.isascii() and last_event.isdigit()  # type: ignore[union-attr]
    feed = await hub.feed(job_id, int(last_event[:18]) if is_number else None)  # type: ignore[index]
    return StreamingResponse(feed, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
