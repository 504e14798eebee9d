"""FastAPI dependencies of the routes: the services, the job service of who asks, types of parameters."""

from typing import Annotated, Protocol

from fastapi import Depends, Path, Query, Request

from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.schemas.base import Problem
from giornata.cluster.service.validation import LIMIT, NAME


class ApiServices(Protocol):
    """The part of the app's services that the API works with."""

    @property
    def job_service(self) -> JobService:
        """The job service, acting for nobody in particular."""

    @property
    def broadcaster(self) -> EventBroadcaster:
        """The source of all event streams."""


async def api_services(request: Request) -> ApiServices:
    """The services of the app that a request came to."""
    services: ApiServices = request.app.state.services
    return services


ApiServicesDep = Annotated[ApiServices, Depends(api_services)]


def current_job_service(request: Request, services: ApiServicesDep) -> JobService:
    """The job service, acting for the person whom the middleware identified."""
    person = getattr(request.state, "person", None)
    return services.job_service.acting(person.name) if person else services.job_service


JobServiceDep = Annotated[JobService, Depends(current_job_service)]
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
