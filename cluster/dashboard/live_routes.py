"""Routes to an optimization at work: how far it is, the image as it is now, and how its loss has fallen."""

import io

from fastapi import APIRouter, Response

from giornata.cluster.batch.progress import optimization_event
from giornata.cluster.dashboard.app_services import ServicesDep
from giornata.cluster.dashboard.live_image import SIDE_PX
from giornata.cluster.dashboard.preview_routes import NONE, stand_in
from giornata.cluster.reporting.charts import curve_svg
from giornata.cluster.service.dependencies import ItemId, JobId, JobServiceDep
from giornata.cluster.service.problems import JsonText
from giornata.workers.optimization.loss_history import history_at, history_from, live_picture

router = APIRouter(include_in_schema=False)
FRESH = {"cache-control": "no-store"}


@router.get("/optimising/{job_id}/{item_id}")
def optimization(
    services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep
) -> Response:
    """How far the optimization of an item is; null when none is at work here."""
    begun = history_at(services.page_context.scratch, job_service.item(job_id, item_id).item_id)
    return JsonText(optimization_event(job_id, item_id, begun[1]) if begun else None)


@router.get("/optimising/{job_id}/{item_id}/picture")
def live_webp(services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """The image as it is now, WebP."""
    begun = history_at(services.page_context.scratch, job_service.item(job_id, item_id).item_id)
    image = live_picture(begun[0], SIDE_PX) if begun else None
    if image is None:
        return stand_in(NONE)
    written = io.BytesIO()
    image.save(written, "WEBP", quality=80)
    return Response(written.getvalue(), media_type="image/webp", headers=FRESH)


@router.get("/optimising/{job_id}/{item_id}/curve")
def curve(services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """How the loss has fallen, SVG; also of an item that is delivered."""
    begun = history_at(services.page_context.scratch, job_service.item(job_id, item_id).item_id)
    history = begun[1] if begun else history_from(job_service.store.items.get(job_id, item_id).facts)
    if history is None:
        return stand_in(NONE)
    return Response(curve_svg(history), media_type="image/svg+xml", headers=FRESH)
