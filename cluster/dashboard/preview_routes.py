"""Routes to small copies of the images of items, and to what is painted so far of a large one."""

import base64
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from giornata.cluster.dashboard.app_services import AppServices, ServicesDep
from giornata.cluster.dashboard.live_image import LiveImage, live_image_of
from giornata.cluster.dashboard.previews import Previews, PreviewSize
from giornata.cluster.dashboard.work_queue import PreviewUnavailable, in_time
from giornata.cluster.dashboard.zoom_files import Side, image_of, page_of
from giornata.cluster.service.dependencies import ItemId, JobId, JobServiceDep
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.problems import JsonText
from giornata.cluster.service.schemas.jobs import ItemView
from giornata.jobs.model.states import ItemState

router = APIRouter(include_in_schema=False)
WAIT_S = 1.5  # for a preview that is being made; browsers ask for six at once
# Images that stand for none: the page knows them by their size, and a browser reports no error.
NOT_YET = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NONE = base64.b64decode("R0lGODlhAgABAIAAAAAAAP///yH5BAEAAAAALAAAAAACAAEAAAICBAoAOw==")
PRIVATE = "private, no-cache"  # kept, but asked for again: rights may change
Size = Annotated[PreviewSize, Query()]


@router.get("/previews/{job_id}/last")
async def last(
    request: Request,
    job_id: JobId,
    services: ServicesDep,
    job_service: JobServiceDep,
    size: Size = PreviewSize.SMALL,
) -> Response:
    """The image of a job that was finished last."""
    item = await run_in_threadpool(_last, services, job_service, job_id)
    if item is None:
        return stand_in(NONE)
    return await _preview(request, services.previews, job_service, item, Side.RESULT, size)


@router.get("/previews/{job_id}/{item_id}/{side}")
async def preview(
    request: Request,
    job_id: JobId,
    item_id: ItemId,
    side: Side,
    services: ServicesDep,
    job_service: JobServiceDep,
    size: Size = PreviewSize.SMALL,
) -> Response:
    """A small copy of an item's source or result, as browsers can show it."""
    item = await run_in_threadpool(job_service.item, job_id, item_id)
    return await _preview(request, services.previews, job_service, item, side, size)


@router.get("/growing/{job_id}/{item_id}")
def live_tiles(services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """The tiles of a large image that is being painted; null for any other."""
    image = _live_image(services, job_service, job_id, item_id)
    return JsonText(image.describe() if image else None)


@router.get("/growing/{job_id}/{item_id}/picture")
def live_image(services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """The large image as painted so far, WebP."""
    image = _live_image(services, job_service, job_id, item_id)
    if image is None:
        return stand_in(NONE)
    return Response(image.webp(), media_type="image/webp", headers={"cache-control": "no-store"})


def _live_image(
    services: AppServices, job_service: JobService, job_id: str, item_id: str
) -> LiveImage | None:
    item, render = job_service.item(job_id, item_id), job_service.store.jobs.get(job_id).spec.render
    return live_image_of(services.page_context.scratch, item.item_id, overlap_px=render.overlap)


def _last(services: AppServices, job_service: JobService, job_id: str) -> ItemView | None:
    newest = services.broadcaster.mosaics.newest(job_id)
    position = job_service.store.states.highest(job_id, (ItemState.DONE,)) if newest is None else newest
    items = job_service.store.items.page(job_id, after=(position - 1, "~"), limit=1) if position >= 0 else []
    if not items:
        job_service.store.jobs.snapshot(job_id)
    return ItemView.of(items[0]) if items else None


async def _preview(
    request: Request,
    previews: Previews | None,
    job_service: JobService,
    item: ItemView,
    side: Side,
    size: PreviewSize,
) -> Response:
    image = await run_in_threadpool(image_of, job_service, item, side, side_px=size.side_px)
    if previews is None or image is None:
        return stand_in(NONE)
    page = await run_in_threadpool(page_of, job_service, item, side)
    future = await run_in_threadpool(partial(previews.ask, image, size, page=page))
    try:
        path = await in_time(future, WAIT_S)
    except PreviewUnavailable:
        return stand_in(NONE)
    if path is None:
        return stand_in(NOT_YET)
    mark = f'"{path.stem}"'
    headers = {"cache-control": PRIVATE, "etag": mark}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return Response(await run_in_threadpool(path.read_bytes), media_type="image/jpeg", headers=headers)


def stand_in(data: bytes) -> Response:
    """One of the images that stand for none."""
    return Response(data, media_type="image/gif", headers={"cache-control": "no-store"})
