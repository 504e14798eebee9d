"""`create_app`: the HTTP interface of a desk: routes, the gate before them, problems for what goes wrong."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from giornata import __version__
from giornata.cluster.dashboard import job_pages as routes_pages
from giornata.cluster.dashboard import live_routes as routes_optimising
from giornata.cluster.dashboard import output_routes as routes_delivered
from giornata.cluster.dashboard import preview_routes as routes_previews
from giornata.cluster.dashboard import session_routes as routes_session
from giornata.cluster.dashboard import static_files as routes_files
from giornata.cluster.dashboard import style_routes as routes_styles
from giornata.cluster.dashboard import submit_routes as routes_submit
from giornata.cluster.dashboard.previews import previews_in
from giornata.cluster.dashboard.style_trials import studio_in
from giornata.cluster.dashboard.templating import PageContext, page
from giornata.cluster.service.auth import Access
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.dependencies import PROBLEMS
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.metrics import Metrics
from giornata.cluster.service.middleware import BODY_BYTES, SecurityMiddleware
from giornata.cluster.service.problems import EXPECTED, WORDS, answer, problem
from giornata.cluster.service.rates import Turns
from giornata.cluster.service.routes import items as routes_items
from giornata.cluster.service.routes import jobs as routes_jobs
from giornata.cluster.service.routes import service as routes_service
from giornata.cluster.service.routes import streams as routes_streams
from giornata.cluster.service.schemas.base import Problem, Role
from giornata.jobs.spec.loader import dotted
from giornata.workers.storage.router import StorageRouter

logger = logging.getLogger(__name__)
SHOWN = 3  # findings about one request


def create_app(
    desk: JobService,
    *,
    access: Access,
    hub: EventBroadcaster | None = None,
    around: PageContext | None = None,
    metrics: Metrics | None = None,
    body_bytes: int = BODY_BYTES,
) -> FastAPI:
    """The service of `desk`; one look at the store a second starts and ends with it."""
    around = around or PageContext()
    watching = hub or EventBroadcaster(desk, scratch=around.scratch)
    places = StorageRouter()
    previews, studio = previews_in(around.home, places), studio_in(around.home, around.library)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(watching.run(lambda: desk.role() is Role.ACTIVE))
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            for maker in (previews, studio):
                if maker is not None:
                    await run_in_threadpool(maker.close)

    app = FastAPI(
        title="Giornata",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.desk, app.state.hub, app.state.access = desk, watching, access
    app.state.around, app.state.previews, app.state.studio = around, previews, studio
    app.state.places = places
    app.state.metrics = metrics = metrics or Metrics()
    metrics.watch(desk, streams=lambda: watching.streams, dropped=lambda: previews.dropped if previews else 0)
    app.state.uploads = Turns(routes_styles.UPLOADS, routes_styles.UPLOADS_PER_S)
    app.state.sign_ins = Turns(routes_session.TRIES, routes_session.PER_S)
    api = APIRouter(prefix="/api", responses=PROBLEMS)
    for routes in (routes_streams, routes_jobs, routes_items, routes_service):
        api.include_router(routes.router)
    app.include_router(api)
    for pages in (
        routes_files,
        routes_session,
        routes_styles,
        routes_submit,
        routes_previews,
        routes_optimising,
        routes_delivered,
        routes_pages,
    ):
        app.include_router(pages.router)
    _answer_problems(app)
    app.add_middleware(
        SecurityMiddleware, access=access, role=desk.role, standby_page=_standby_page, body_bytes=body_bytes
    )
    return app


def _standby_page(request: Request, status: int) -> Response:
    return page(request, "standby.html", status=status, here="")


def _answer_problems(app: FastAPI) -> None:
    for family in EXPECTED:
        app.add_exception_handler(family, _expected)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unexpected)


async def _expected(request: Request, error: Exception) -> Response:
    return _shown(request, answer(error))


async def _unreadable(request: Request, error: Exception) -> Response:
    findings = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [
        f"{dotted(tuple(finding['loc'][1:])) or finding['loc'][0]}: {finding['msg']}"
        for finding in findings[:SHOWN]
    ]
    more = f" and {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
    return _shown(request, problem(422, "bad_request", "reading the request: " + "; ".join(lines) + more))


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    detail = str(getattr(error, "detail", error))
    return _shown(request, problem(status, WORDS.get(status, "refused"), detail, headers))


def _shown(request: Request, refused: Response) -> Response:
    """The problem for a program, or its HTML page for a browser."""
    wants = request.headers.get("accept", "")
    if request.method != "GET" or request.url.path.startswith("/api/") or "text/html" not in wants:
        return refused
    details = Problem.model_validate_json(bytes(refused.body))
    return page(request, "problem.html", status=refused.status_code, here="", problem=details)


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("answering %s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "internal", f"{type(error).__name__} while answering; the service's log says more")
