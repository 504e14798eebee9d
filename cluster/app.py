"""`create_app`: the HTTP interface of a job service: routes, middleware, answers to errors."""

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
from giornata.cluster.dashboard import (
    job_pages,
    live_routes,
    output_routes,
    preview_routes,
    session_routes,
    static_files,
    style_routes,
    submit_routes,
)
from giornata.cluster.dashboard.app_services import AppServices, PageContext
from giornata.cluster.dashboard.previews import previews_in
from giornata.cluster.dashboard.style_trials import style_trials_in
from giornata.cluster.dashboard.templating import render_page
from giornata.cluster.service.auth import Access
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.dependencies import PROBLEMS
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.metrics import Metrics
from giornata.cluster.service.middleware import BODY_BYTES, SecurityMiddleware
from giornata.cluster.service.problems import EXPECTED, WORDS, answer, problem
from giornata.cluster.service.rates import RateLimit
from giornata.cluster.service.routes import items, jobs, service, streams
from giornata.cluster.service.schemas.base import Problem, Role
from giornata.jobs.spec.loader import dotted
from giornata.workers.storage.router import StorageRouter

logger = logging.getLogger(__name__)
SHOWN = 3  # findings about one request
API_ROUTES = (streams.router, jobs.router, items.router, service.router)
PAGE_ROUTES = (
    static_files.router,
    session_routes.router,
    style_routes.router,
    submit_routes.router,
    preview_routes.router,
    live_routes.router,
    output_routes.router,
    job_pages.router,
)


def create_app(
    job_service: JobService,
    *,
    access: Access,
    broadcaster: EventBroadcaster | None = None,
    page_context: PageContext | None = None,
    metrics: Metrics | None = None,
    body_bytes: int = BODY_BYTES,
) -> FastAPI:
    """The HTTP interface of `job_service`; `broadcaster` runs as long as the app does."""
    page_context, metrics = page_context or PageContext(), metrics or Metrics()
    services = _services(job_service, access, broadcaster, page_context, metrics)
    app = FastAPI(
        title="Giornata",
        version=__version__,
        lifespan=_lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.services = services
    _include_routes(app)
    _answer_problems(app)
    app.add_middleware(
        SecurityMiddleware,
        access=access,
        role=job_service.role,
        standby_page=_standby_page,
        body_bytes=body_bytes,
    )
    return app


def _services(
    job_service: JobService,
    access: Access,
    broadcaster: EventBroadcaster | None,
    page_context: PageContext,
    metrics: Metrics,
) -> AppServices:
    stores = StorageRouter()
    services = AppServices(
        job_service=job_service,
        access=access,
        broadcaster=broadcaster or EventBroadcaster(job_service, scratch=page_context.scratch),
        metrics=metrics,
        page_context=page_context,
        stores=stores,
        previews=previews_in(page_context.home, stores),
        style_trials=style_trials_in(page_context.home, page_context.library),
        uploads=RateLimit(style_routes.UPLOADS, style_routes.UPLOADS_PER_S),
        sign_ins=RateLimit(session_routes.TRIES, session_routes.PER_S),
    )
    metrics.watch(
        job_service,
        streams=lambda: services.broadcaster.streams,
        dropped=lambda: services.previews.dropped if services.previews else 0,
    )
    return services


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: AppServices = app.state.services
    role = services.job_service.role
    broadcasting = asyncio.create_task(services.broadcaster.run(lambda: role() is Role.ACTIVE))
    try:
        yield
    finally:
        broadcasting.cancel()
        await asyncio.gather(broadcasting, return_exceptions=True)
        await run_in_threadpool(services.close)


def _include_routes(app: FastAPI) -> None:
    api = APIRouter(prefix="/api", responses=PROBLEMS)
    for routes in API_ROUTES:
        api.include_router(routes)
    app.include_router(api)
    for routes in PAGE_ROUTES:
        app.include_router(routes)


def _standby_page(request: Request, status: int) -> Response:
    return render_page(request, "standby.html", status=status, here="")


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
    return render_page(request, "problem.html", status=refused.status_code, here="", problem=details)


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("answering %s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "internal", f"{type(error).__name__} while answering; the service's log says more")
