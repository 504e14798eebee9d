"""Routes of the library of styles: its page, its images, and trials on a sample or an uploaded image."""

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from giornata.cluster.dashboard.app_services import ServicesDep
from giornata.cluster.dashboard.preview_routes import NONE, NOT_YET, PRIVATE, stand_in
from giornata.cluster.dashboard.style_trials import THUMB_PX, StyleTrial, StyleTrials, refusal_of
from giornata.cluster.dashboard.templating import render_page
from giornata.cluster.dashboard.work_queue import PreviewUnavailable, in_time
from giornata.cluster.service.problems import JsonText, problem
from giornata.jobs.spec.enums import listed
from giornata.styles.errors import UnknownStyle
from giornata.workers.errors import RenderError

router = APIRouter(include_in_schema=False)
WAIT_S = 2.0  # browsers ask for six images at once, and a slider must not wait behind them
UPLOADS, UPLOADS_PER_S = 12, 60.0
MOST_STYLES = 6  # in one mix
_MIX = re.compile(r"([a-z0-9][a-z0-9-]{0,99}):(\d{1,3}(?:\.\d{1,3})?)")
Mix = Annotated[str, Query(max_length=600, description="name:weight,name:weight")]
Share = Annotated[float, Query(ge=0, le=1)]
Sample = Annotated[str, Query(pattern="^[a-f0-9]{0,32}$")]


@router.get("/styles")
def styles(request: Request, services: ServicesDep) -> Response:
    """The library, and a place to try it."""
    groups = services.style_trials.library.by_artist() if services.style_trials else []
    return render_page(request, "styles.html", here="styles", groups=groups)


@router.get("/styles/try")
async def trial(
    services: ServicesDep,
    mix: Mix = "",
    strength: Share = 1.0,
    sample: Sample = "",
    thumb: bool = False,
    style: Sample = "",
) -> Response:
    """A sample in a mix of styles, or in that of an uploaded image.

    With `thumb`, the small sample that pages of all styles show.
    """
    style_trials = services.style_trials
    if style_trials is None:
        return stand_in(NONE)
    if mix and style:
        raise HTTPException(422, "needed a mix of styles or a picture, got both")
    try:
        style_trial = await run_in_threadpool(_trial, style_trials, mix, style, strength, sample, thumb)
        future = await run_in_threadpool(style_trials.ask, style_trial)
        path = await in_time(future, WAIT_S)
    except (PreviewUnavailable, RenderError):
        return stand_in(NONE)
    if path is None:
        return stand_in(NOT_YET)
    headers = {"cache-control": PRIVATE, "etag": f'"{path.stem}"'}
    return Response(await run_in_threadpool(path.read_bytes), media_type="image/jpeg", headers=headers)


@router.get("/styles/sample")
def sample(services: ServicesDep, key: Sample = "") -> Response:
    """The image itself."""
    style_trials = services.style_trials
    path = None if style_trials is None else _sample(style_trials, key)
    if path is None:
        return stand_in(NONE)
    return Response(path.read_bytes(), media_type="image/jpeg", headers={"cache-control": PRIVATE})


@router.post("/styles/samples")
async def upload(request: Request, services: ServicesDep) -> Response:
    """Keep a small copy of an image to try styles on."""
    style_trials = services.style_trials
    if style_trials is None:
        return problem(503, "no_studio", "this service tries no styles")
    if services.uploads.is_exhausted():
        return problem(429, "too_many_uploads", f"needed a pause: {UPLOADS} uploads a minute are taken")
    services.uploads.count()
    try:
        key = await run_in_threadpool(style_trials.take, await request.body())
    except RenderError as error:
        return problem(422, "bad_picture", f"the picture was refused: {refusal_of(error)}")
    return JsonText({"sample": key})


def _trial(
    style_trials: StyleTrials, mix: str, style: str, strength: float, sample: str, thumb: bool
) -> StyleTrial:
    """The trial of a mix of styles, or of `style`, an uploaded image. Raises `HTTPException`."""
    image = style_trials.house_sample(THUMB_PX) if thumb else _sample(style_trials, sample)
    painting = style_trials.sample(style) if style else None
    if image is None or (style and painting is None):
        raise HTTPException(404, "that picture is not kept any more; bring it again")
    return StyleTrial(image, () if style else _shares(style_trials, mix), round(strength, 2), painting)


def _shares(style_trials: StyleTrials, mix: str) -> tuple[tuple[str, float], ...]:
    """Styles by name with their shares of one. Raises `HTTPException`."""
    parts = mix.split(",")
    matches = [_MIX.fullmatch(part) for part in parts]
    weights = {match[1]: float(match[2]) for match in matches if match}
    total = sum(weights.values())
    if not all(matches) or not 0 < len(parts) <= MOST_STYLES or len(weights) < len(parts) or total <= 0:
        raise HTTPException(422, f"needed a mix of 1 to {MOST_STYLES} styles: name:weight,name:weight")
    shares = tuple((name, round(weight / total, 4)) for name, weight in sorted(weights.items()) if weight)
    try:
        engine_kinds = {style_trials.library.find(name).card.engine for name, _ in shares}
    except UnknownStyle as error:
        raise HTTPException(404, str(error)) from error
    if len(engine_kinds) > 1:
        raise HTTPException(422, f"needed styles of one engine, got {listed(sorted(engine_kinds))}")
    return shares


def _sample(style_trials: StyleTrials, key: str) -> Path | None:
    return style_trials.sample(key) if key else style_trials.house_sample()
