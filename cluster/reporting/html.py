"""The HTML report of a job: facts, and pictures of its contact sheet as data inside the page."""

import base64
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from giornata import __version__
from giornata.atomic_file import atomic_write
from giornata.cluster.reporting import formatting as wording
from giornata.cluster.reporting.charts import curve_svg
from giornata.cluster.reporting.statistics import SHOWN_COURSES, JobFacts, gather
from giornata.jobs.model.states import ItemState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import ItemRecord
from giornata.jobs.store.store import JobStore
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import RenderError

HEIGHT_PX = 240  # sharp at 160 px on most screens; some 12 kB each
ASPECTS = (0.4, 2.4)  # what a row of pictures of one height can take
PATIENCE_S = 60.0  # giants take seconds each; what comes later is named, not shown


@dataclass(frozen=True)
class Picture:
    """One cell of the sheet: `uri` holds a small JPEG, or is empty and `missing` says why."""

    item: ItemRecord
    uri: str = ""
    missing: str = ""

    @property
    def aspect(self) -> float:
        """Width over height, as far as a row of pictures can take it."""
        item = self.item
        narrowest, widest = ASPECTS
        return min(widest, max(narrowest, item.width / item.height)) if item.width and item.height else 1.0


def pictured(items: Sequence[ItemRecord], *, patience_s: float = PATIENCE_S) -> Iterator[Picture]:
    """A picture for every item. The files at the targets are opened in a process of its own only."""
    until = time.monotonic() + patience_s
    with tempfile.TemporaryDirectory(prefix="giornata-report-") as folder, Sandbox() as sandbox:
        target = Path(folder) / "small.jpg"
        for item in items:
            if time.monotonic() > until:
                yield Picture(item, missing="left out to save time")
            else:
                yield _picture(Picture(item), sandbox, target)


def _picture(picture: Picture, sandbox: Sandbox, target: Path) -> Picture:
    item, place = picture.item, Path(picture.item.target)
    try:
        if not place.is_file():
            return Picture(item, missing="no longer there")
        if item.bytes is not None and place.stat().st_size != item.bytes:
            return Picture(item, missing="changed since it was delivered")
        sandbox.thumbnail(place, target, side_px=round(HEIGHT_PX * max(1.0, picture.aspect)))
        data = base64.b64encode(target.read_bytes()).decode("ascii")
    except (RenderError, OSError):
        return Picture(item, missing="cannot be shown")
    return Picture(item, uri=f"data:image/jpeg;base64,{data}")


PAGE = "report.html"
LIBRARIES = ("ray", "torch", "pyvips", "pyvips-binary", "tifffile", "numpy", "SQLAlchemy")
CAPTION = 20  # characters under a square picture
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
FILTERS: dict[str, Callable[..., str]] = {
    "whole": wording.whole,
    "figure": wording.figure,
    "duration": wording.duration,
    "size": wording.size,
    "pixels": wording.pixels,
    "moment": wording.moment,
    "share": wording.share,
    "visible": wording.visible,
    "shortened": wording.shortened,
    "cause": wording.cause_words,
    "state": wording.state_words,
}


def write_report(store: JobStore, job_id: str, path: Path) -> Path:
    """Write the report of a job to `path`, whole or not at all, replacing an earlier one; returns `path`.

    Raises `UnknownJob`, `OSError`.
    """
    page = render_report(store, job_id).encode("utf-8", "backslashreplace")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, durable=True) as part:
        part.write_bytes(page)
    return path


def render_report(store: JobStore, job_id: str, *, scratch: Path | None = None) -> str:
    """The report of a job: one page of HTML that needs nothing beside itself. Raises `UnknownJob`.

    Running optimisations are included where `scratch` is the folder they work in.
    """
    facts = gather(store, job_id, now=time.time(), scratch=scratch)
    return (
        _environment()
        .get_template(PAGE)
        .render(
            facts=facts,
            record=facts.record,
            snapshot=facts.record.snapshot,
            states=[(state, facts.record.snapshot.counts.get(state, 0)) for state in STATES],
            pictures=[(picture, _caption(facts, picture)) for picture in pictured(facts.sample)],
            curves=[
                (item, course, Markup(curve_svg(course)))  # noqa: S704 - numbers of ours
                for item, course in facts.courses
            ],
            most_curves=SHOWN_COURSES,
            within=_within,
            spec=spec_words(facts.record.spec),
            versions=versions(),
        )
    )


def spec_words(spec: JobSpec) -> str:
    """The spec as YAML without defaults.

    Addresses to notify are cut to their host: the rest may hold a secret.
    """
    fields: dict[str, Any] = spec.model_dump(mode="json", exclude_defaults=True)
    for notice in fields.get("notify", ()):
        parts = urlsplit(notice["url"])
        notice["url"] = f"{parts.scheme}://{parts.hostname}/…"
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=96)


def versions() -> list[tuple[str, str]]:
    """Names and versions of the programs that made the report."""
    rows = [("giornata", __version__), ("Python", platform.python_version())]
    for name in LIBRARIES:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return rows


def _caption(facts: JobFacts, picture: Picture) -> str:
    inside = wording.visible(_within(picture.item.target, facts.destination))
    return wording.shortened(inside, round(CAPTION * max(1.0, picture.aspect)))


def _within(path: str, folder: object) -> str:
    """`path` as it is called inside `folder`, or whole when it lies elsewhere."""
    return path.removeprefix(f"{folder}{os.sep}")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("giornata.cluster.reporting"),
        autoescape=True,  # every name and reason on the page comes from somewhere else
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment
