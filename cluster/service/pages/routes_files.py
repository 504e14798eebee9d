"""Routes for what pages are dressed with: style sheets, scripts, the icon; and for Prometheus."""

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from giornata.cluster.service.pages.shelf import shelf

router = APIRouter(include_in_schema=False)
KEPT = "public, max-age=31536000, immutable"


@router.get("/static/{mark}/{name}")
def static(mark: str, name: str, request: Request) -> Response:
    """One of our own files; its address changes when any of them does."""
    file = shelf().files.get(name)
    if file is None:
        raise HTTPException(404, "no such file")
    headers = {"cache-control": KEPT if mark == shelf().mark else "no-store", "vary": "accept-encoding"}
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.kind, headers={**headers, "content-encoding": "gzip"})
    return Response(file.data, media_type=file.kind, headers=headers)


@router.get("/favicon.ico")
@router.get("/favicon.svg")
def icon() -> Response:
    """The mark of the house."""
    file = shelf().files["mark.svg"]
    return Response(file.data, media_type=file.kind, headers={"cache-control": "public, max-age=86400"})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' series; a scraper brings a viewer's token."""
    return Response(request.app.state.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})
