"""Routes of the library of styles: its page, its pictures, and trials on a sample or an uploaded picture."""

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from giornata.cluster.dashboard.preview_routes import NONE, NOT_YET, PRIVATE, stand_in
from giornata.cluster.dashboard.style_trials import THUMB_PX, StyleTrial, StyleTrials, refusal_of
from giornata.cluster.dashboard.templating import page
from giornata.cluster.dashboard.work_queue import PreviewUnavailable, in_time
from giornata.cluster.service.problems import JsonText, problem
from giornata.cluster.service.rates import Turns
from giornata.jobs.spec.enums import listed
from giornata.styles.errors import UnknownStyle
from giornata.workers.errors import RenderError

router = APIRouter(include_in_schema=False)
WAIT_S = 2.0  # browsers ask for six pictures at once, and a slider must not wait behind them
UPLOADS, UPLOADS_PER_S = 12, 60.0
MOST_STYLES = 6  # in one mix
_MIX = re.compile(r"([a-z0-9][a-z0-9-]{0,99}):(\d{1,3}(?:\.\d{1,3})?)")
Mix = Annotated[str, Query(max_length=600, description="name:weight,name:weight")]
Share = Annotated[float, Query(ge=0, le=1)]
Sample = Annotated[str, Query(pattern="^[a-f0-9]{0,32}$")]


@router.get("/styles")
def styles(request: Request) -> Response:
    """The library, and a place to try it."""
    studio: StyleTrials | None = request.app.state.studio
    groups = studio.library.by_artist() if studio else []
    return page(request, "styles.html", here="styles", groups=groups)


@router.get("/styles/try")
async def trial(
    request: Request,
    mix: Mix = "",
    strength: Share = 1.0,
    sample: Sample = "",
    thumb: bool = False,
    style: Sample = "",
) -> Response:
    """A sample in a mix of styles, or in that of an uploaded picture.

    With `thumb`, the small sample that pages of all styles show.
    """
    studio: StyleTrials | None = request.app.state.studio
    if studio is None:
        return stand_in(NONE)
    if mix and style:
        raise HTTPException(422, "needed a mix of styles or a picture, got both")
    try:
        style_trial = await run_in_threadpool(_trial, studio, mix, style, strength, sample, thumb)
        wish = await run_in_threadpool(studio.ask, style_trial)
        path = await in_time(wish, WAIT_S)
    except (PreviewUnavailable, RenderError):
        return stand_in(NONE)
    if path is None:
        return stand_in(NOT_YET)
    headers = {"cache-control": PRIVATE, "etag": f'"{path.stem}"'}
    return Response(await run_in_threadpool(path.read_bytes), media_type="image/jpeg", headers=headers)


@router.get("/styles/sample")
def sample(request: Request, key: Sample = "") -> Response:
    """The picture itself."""
    studio: StyleTrials | None = request.app.state.studio
    path = None if studio is None else _sample(studio, key)
    if path is None:
        return stand_in(NONE)
    return Response(path.read_bytes(), media_type="image/jpeg", headers={"cache-control": PRIVATE})


@router.post("/styles/samples")
async def upload(request: Request) -> Response:
    """Keep a small copy of a picture to try styles on."""
    studio: StyleTrials | None = request.app.state.studio
    turns: Turns = request.app.state.uploads
    if studio is None:
        return problem(503, "no_studio", "this service tries no styles")
    if turns.are_used_up():
        return problem(429, "too_many_uploads", f"needed a pause: {UPLOADS} uploads a minute are taken")
    turns.take()
    try:
        key = await run_in_threadpool(studio.take, await request.body())
    except RenderError as error:
        return problem(422, "bad_picture", f"the picture was refused: {refusal_of(error)}")
    return JsonText({"sample": key})


def _trial(
    studio: StyleTrials, mix: str, style: str, strength: float, sample: str, thumb: bool
) -> StyleTrial:
    """The trial of a mix of styles, or of `style`, an uploaded picture. Raises `HTTPException`."""
    picture = studio.house_sample(THUMB_PX) if thumb else _sample(studio, sample)
    painting = studio.sample(style) if style else None
    if picture is None or (style and painting is None):
        raise HTTPException(404, "that picture is not kept any more; bring it again")
    return StyleTrial(picture, () if style else _shares(studio, mix), round(strength, 2), painting)


def _shares(studio: StyleTrials, mix: str) -> tuple[tuple[str, float], ...]:
    """Styles by name with their shares of one. Raises `HTTPException`."""
    parts = mix.split(",")
    matches = [_MIX.fullmatch(part) for part in parts]
    weights = {match[1]: float(match[2]) for match in matches if match}
    total = sum(weights.values())
    if not all(matches) or not 0 < len(parts) <= MOST_STYLES or len(weights) < len(parts) or total <= 0:
        raise HTTPException(422, f"needed a mix of 1 to {MOST_STYLES} styles: name:weight,name:weight")
    shares = tuple((name, round(weight / total, 4)) for name, weight in sorted(weights.items()) if weight)
    try:
        engine_kinds = {studio.library.find(name).card.engine for name, _ in shares}
    except UnknownStyle as error:
        raise HTTPException(404, str(error)) from error
    if len(engine_kinds) > 1:
        raise HTTPException(422, f"needed styles of one engine, got {listed(sorted(engine_kinds))}")
    return shares


def _sample(studio: StyleTrials, key: str) -> Path | None:
    return studio.sample(key) if key else studio.house_sample()
