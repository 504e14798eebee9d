"""Static files of the dashboard, named by their content, and their routes; `/metrics` for Prometheus."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from giornata.cluster.dashboard.app_services import ServicesDep

HERE = Path(__file__).resolve().parent
OWN, VENDOR = HERE / "static", HERE / "vendor"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
ZOOM = "openseadragon.min.js"  # brought by the set-up; pages do without where it is missing


@dataclass(frozen=True)
class StaticFile:
    """One file as it is sent."""

    data: bytes
    kind: str
    packed: bytes | None


@dataclass(frozen=True)
class StaticFiles:
    """Files by name; `mark` changes whenever one of them does, so that browsers may keep them for ever."""

    files: dict[str, StaticFile]
    mark: str

    @property
    def zooms(self) -> bool:
        """Whether deep zoom is installed."""
        return ZOOM in self.files


@cache
def static_files() -> StaticFiles:
    """The static files that are installed."""
    files = {
        path.name: path.read_bytes()
        for folder in (OWN, VENDOR)
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix in KINDS
    }
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(name.encode() + b"\0" + data)
    return StaticFiles({name: _kept(name, data) for name, data in files.items()}, digest.hexdigest()[:12])


def _kept(name: str, data: bytes) -> StaticFile:
    kind = KINDS[Path(name).suffix]
    is_text = not kind.startswith("image/") or kind.endswith("xml")
    return StaticFile(data, kind, gzip.compress(data, mtime=0) if is_text else None)


router = APIRouter(include_in_schema=False)
KEPT = "public, max-age=31536000, immutable"


@router.get("/static/{mark}/{name}")
def static(mark: str, name: str, request: Request) -> Response:
    """One of our own files; its address changes when any of them does."""
    file = static_files().files.get(name)
    if file is None:
        raise HTTPException(404, "no such file")
    headers = {
        "cache-control": KEPT if mark == static_files().mark else "no-store",
        "vary": "accept-encoding",
    }
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.kind, headers={**headers, "content-encoding": "gzip"})
    return Response(file.data, media_type=file.kind, headers=headers)


@router.get("/favicon.ico")
@router.get("/favicon.svg")
def icon() -> Response:
    """The mark of the house."""
    file = static_files().files["mark.svg"]
    return Response(file.data, media_type=file.kind, headers={"cache-control": "public, max-age=86400"})


@router.get("/metrics")
def metrics(services: ServicesDep) -> Response:
    """Prometheus' series; a scraper brings a viewer's token."""
    return Response(services.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})
