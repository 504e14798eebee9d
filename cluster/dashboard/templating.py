"""Templates of the pages: what every page knows, and headers that let only our own files run."""

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from giornata.cluster.dashboard.app_services import app_services
from giornata.cluster.dashboard.static_files import static_files
from giornata.cluster.reporting import formatting as wording
from giornata.cluster.service.auth import AccessRole, Person, SignedIn
from giornata.cluster.service.schemas.jobs import JobView
from giornata.jobs.model.states import ItemState

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"content-security-policy": POLICY, "x-frame-options": "DENY"}
# In the order of the bar, from what is good to what is not.
STATES = (
    ItemState.DONE,
    ItemState.SKIPPED,
    ItemState.LEASED,
    ItemState.QUEUED,
    ItemState.CANCELLED,
    ItemState.FAILED,
    ItemState.QUARANTINED,
)
ENOUGH_ITEMS, ENOUGH_S = 20, 120.0  # before which nobody should believe a range


def render_page(request: Request, name: str, *, status: int = 200, **context: Any) -> Response:
    """The template `name` with what every page knows and `context`."""
    signed_in: SignedIn | None = getattr(request.state, "signed_in", None)
    person: Person | None = getattr(request.state, "person", None)
    services = app_services(request)
    text = (
        environment()
        .get_template(name)
        .render(
            around=services.page_context,
            person=person,
            may_change=person is not None and person.role is AccessRole.OPERATOR,
            signs_in=services.access.needs_token,
            csrf=signed_in.csrf if signed_in else "",
            static=f"/static/{static_files().mark}",
            zooms=static_files().zooms,
            path=request.url.path,
            **context,
        )
    )
    return HTMLResponse(text.encode("utf-8", "backslashreplace"), status, HEADERS)


def eta_words(view: JobView, now: float) -> str:
    """The time left of a job, as a range, or `unknown`."""
    if view.state.is_terminal or not view.total:
        return wording.NOTHING
    seen = now - view.started_at if view.started_at else 0.0
    if view.rates.eta is None or (view.settled < ENOUGH_ITEMS and seen < ENOUGH_S):
        return "unknown"
    low, high = (wording.duration(seconds) for seconds in (view.rates.eta.low_s, view.rates.eta.high_s))
    return low if low == high else f"{low} – {high}"


def bar(counts: dict[ItemState, int]) -> list[tuple[ItemState, int, float, float]]:
    """State, count, start and width of each part of a bar that is 1000 wide."""
    total = sum(counts.values()) or 1
    parts, start = [], 0.0
    for state in STATES:
        count = counts.get(state, 0)
        width = 1000 * count / total
        parts.append((state, count, round(start, 2), round(width, 2)))
        start += width
    return parts


def leaf(path: str) -> str:
    """The last part of a name, with whatever letters it has."""
    return wording.visible(path.rstrip("/").rpartition("/")[2] or path)


def clock(at: float | None) -> str:
    """A moment as `<time>` wants it."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


@cache
def environment() -> Environment:
    """Templates that escape everything."""
    templates = Environment(
        loader=PackageLoader("giornata.cluster.dashboard"),
        autoescape=True,  # every name and reason on a page comes from somewhere else
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        whole=wording.whole,
        figure=wording.figure,
        duration=wording.duration,
        size=wording.size,
        moment=wording.moment,
        visible=wording.visible,
        cause=wording.cause_words,
        state=wording.state_words,
        bar=bar,
        leaf=leaf,
        clock=clock,
        part=lambda text: quote(str(text), safe=""),
    )
    templates.globals.update(eta_words=eta_words, STATES=STATES)
    return templates
