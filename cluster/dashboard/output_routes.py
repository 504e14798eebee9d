"""Routes to what was delivered: the file to keep, how it was made, and the files of a deep zoom."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse, StreamingResponse

from giornata.cluster.dashboard.app_services import AppServices, ServicesDep
from giornata.cluster.dashboard.preview_routes import PRIVATE
from giornata.cluster.dashboard.templating import leaf
from giornata.cluster.dashboard.zoom_files import inside
from giornata.cluster.service.dependencies import ItemId, JobId, JobServiceDep
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.problems import JsonText
from giornata.cluster.service.schemas.jobs import ItemView
from giornata.jobs.errors import StorageError
from giornata.jobs.model.paths import companion_names, is_url
from giornata.jobs.model.states import ItemState
from giornata.jobs.storage.base import ObjectStore

router = APIRouter(include_in_schema=False)
SIDECAR_BYTES = 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
BYTES = "application/octet-stream"  # a browser keeps it, and does not try to show it
KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"} | {
    ".dzi": "application/xml",
    ".json": "application/json",
}


@router.get("/download/{job_id}/{item_id}")
def download(services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """The delivered file, under its own name. Raises `StorageError`."""
    item = job_service.item(job_id, item_id)
    if not is_kept(item):
        raise HTTPException(404, "no file was delivered")
    if not is_url(item.target):
        return FileResponse(item.target, media_type=BYTES, filename=leaf(item.target))
    object_store = object_store_of(services, job_service, item)
    info = object_store.stat(item.target)
    if info is None:
        raise HTTPException(404, "the file that was delivered is gone")
    # A name of another alphabet is left to the browser, which has the address.
    name = "".join(letter for letter in leaf(item.target) if letter.isascii() and letter not in '"\\')
    headers = {"content-length": str(info.bytes), "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_parts(object_store, item.target, info.bytes), media_type=BYTES, headers=headers)


@router.get("/provenance/{job_id}/{item_id}")
def provenance(services: ServicesDep, job_id: JobId, item_id: ItemId, job_service: JobServiceDep) -> Response:
    """How a delivered image was made, as the file beside it says; null where there is none."""
    item = job_service.item(job_id, item_id)
    return JsonText(_sidecar(services, job_service, item) if item.state is ItemState.DONE else None)


@router.get("/zoom/{job_id}/{item_id}/{inner:path}")
def zoom(job_id: JobId, item_id: ItemId, inner: str, job_service: JobServiceDep) -> Response:
    """A file of a delivered deep zoom or IIIF folder."""
    item = job_service.item(job_id, item_id)
    folder = Path(item.target)
    if item.state is not ItemState.DONE or not folder.is_dir():
        raise HTTPException(404, "no folder was delivered")
    path = folder / inner
    kind = KINDS.get(path.suffix.lower())
    if kind is None or not inside(folder, path):
        raise HTTPException(404, "no such file in it")
    return FileResponse(path, media_type=kind, headers={"cache-control": PRIVATE})


def is_kept(item: ItemView) -> bool:
    """Whether there is one file of an item to keep; a folder of tiles is none."""
    if item.state is not ItemState.DONE:
        return False
    return is_url(item.target) or Path(item.target).is_file()


def object_store_of(services: AppServices, job_service: JobService, item: ItemView) -> ObjectStore:
    """The object store that holds the output of an item."""
    return services.stores.at(item.target, job_service.store.jobs.get(item.job_id).spec.storage)


def _parts(object_store: ObjectStore, name: str, size: int) -> Iterator[bytes]:
    for start in range(0, size, PART_BYTES):
        yield object_store.read(name, start=start, length=min(PART_BYTES, size - start))


def _sidecar(services: AppServices, job_service: JobService, item: ItemView) -> Any:
    try:
        data = object_store_of(services, job_service, item).read(
            companion_names(item.target)[0], length=SIDECAR_BYTES
        )
        return json.loads(data)
    except (StorageError, OSError, ValueError):
        return None
