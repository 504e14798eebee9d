"""FastAPI dependencies of the routes: the job service, the person who asks, kinds of parameters."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.schemas.base import Problem
from giornata.cluster.service.validation import LIMIT, NAME


def desk_of(request: Request) -> JobService:
    """The desk, acting for the person that the gate let through."""
    desk: JobService = request.app.state.desk
    person = getattr(request.state, "person", None)
    return desk.acting(person.name) if person else desk


Asked = Annotated[JobService, Depends(desk_of)]
JobId = Annotated[str, Path(pattern=NAME, description="the id of a job")]
ItemId = Annotated[str, Path(pattern=NAME, description="the id of an item")]
WorkerId = Annotated[str, Path(pattern=NAME, description="the id of a worker, or of its place")]
After = Annotated[str | None, Query(max_length=200, description="the `next` of an earlier page")]
Limit = Annotated[int, Query(ge=1, le=LIMIT, description="of one page")]

_MEANINGS = {
    400: "not a request",
    401: "no token, or one that nobody has",
    403: "a token that may only look",
    404: "there is no such thing",
    408: "the body came too slowly",
    409: "not in this state",
    413: "too large",
    415: "not JSON",
    421: "asked by another host's name",
    422: "cannot be meant",
    429: "too many streams",
    503: "the store or the manager is away",
}
PROBLEMS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "description": meaning} for status, meaning in _MEANINGS.items()
}
