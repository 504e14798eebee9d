"""Routes to small copies of the pictures of items, and to what is painted so far of a large one."""

import base64
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from giornata.cluster.dashboard.live_image import LiveImage, growth_of
from giornata.cluster.dashboard.previews import Previews, PreviewSize
from giornata.cluster.dashboard.work_queue import PreviewUnavailable, in_time
from giornata.cluster.dashboard.zoom_files import Side, page_of, picture_of
from giornata.cluster.service.dependencies import Asked, ItemId, JobId
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.problems import JsonText
from giornata.cluster.service.schemas.jobs import ItemView
from giornata.jobs.model.states import ItemState

router = APIRouter(include_in_schema=False)
WAIT_S = 1.5  # for a preview that is being made; browsers ask for six at once
# Pictures that stand for none: the page knows them by their size, and a browser reports no error.
NOT_YET = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NONE = base64.b64decode("R0lGODlhAgABAIAAAAAAAP///yH5BAEAAAAALAAAAAACAAEAAAICBAoAOw==")
PRIVATE = "private, no-cache"  # kept, but asked for again: rights may change
Size = Annotated[PreviewSize, Query()]


@router.get("/previews/{job_id}/last")
async def last(request: Request, job_id: JobId, desk: Asked, size: Size = PreviewSize.SMALL) -> Response:
    """The picture of a job that was finished last."""
    item = await run_in_threadpool(_last, request, desk, job_id)
    return stand_in(NONE) if item is None else await _preview(request, desk, item, Side.RESULT, size)


@router.get("/previews/{job_id}/{item_id}/{side}")
async def preview(
    request: Request, job_id: JobId, item_id: ItemId, side: Side, desk: Asked, size: Size = PreviewSize.SMALL
) -> Response:
    """A small copy of an item's source or result, as browsers can show it."""
    item = await run_in_threadpool(desk.item, job_id, item_id)
    return await _preview(request, desk, item, side, size)


@router.get("/growing/{job_id}/{item_id}")
def growing(request: Request, job_id: JobId, item_id: ItemId, desk: Asked) -> Response:
    """The tiles of a large picture that is being painted; null for any other."""
    live_image = _growth(request, desk, job_id, item_id)
    return JsonText(live_image.told() if live_image else None)


@router.get("/growing/{job_id}/{item_id}/picture")
def grown(request: Request, job_id: JobId, item_id: ItemId, desk: Asked) -> Response:
    """The large picture as painted so far, WebP."""
    live_image = _growth(request, desk, job_id, item_id)
    if live_image is None:
        return stand_in(NONE)
    return Response(live_image.picture(), media_type="image/webp", headers={"cache-control": "no-store"})


def _growth(request: Request, desk: JobService, job_id: str, item_id: str) -> LiveImage | None:
    item, render = desk.item(job_id, item_id), desk.store.jobs.get(job_id).spec.render
    return growth_of(request.app.state.around.scratch, item.item_id, overlap_px=render.overlap)


def _last(request: Request, desk: JobService, job_id: str) -> ItemView | None:
    newest = request.app.state.hub.mosaics.newest(job_id)
    place = desk.store.states.highest(job_id, (ItemState.DONE,)) if newest is None else newest
    items = desk.store.items.page(job_id, after=(place - 1, "~"), limit=1) if place >= 0 else []
    if not items:
        desk.store.jobs.snapshot(job_id)
    return ItemView.of(items[0]) if items else None


async def _preview(
    request: Request, desk: JobService, item: ItemView, side: Side, size: PreviewSize
) -> Response:
    previews: Previews | None = request.app.state.previews
    picture = await run_in_threadpool(picture_of, desk, item, side, side_px=size.side_px)
    if previews is None or picture is None:
        return stand_in(NONE)
    page = await run_in_threadpool(page_of, desk, item, side)
    wish = await run_in_threadpool(partial(previews.ask, picture, size, page=page))
    try:
        path = await in_time(wish, WAIT_S)
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
    """One of the pictures that stand for none."""
    return Response(data, media_type="image/gif", headers={"cache-control": "no-store"})
