"""Routes of the form that submits a batch, and of its clone from a job that was."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from giornata.cluster.dashboard.app_services import ServicesDep
from giornata.cluster.dashboard.style_trials import StyleTrials
from giornata.cluster.dashboard.templating import render_page
from giornata.cluster.service.api import PRIORITY
from giornata.cluster.service.dependencies import JobServiceDep
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.problems import JsonText
from giornata.cluster.service.schemas.base import View
from giornata.cluster.service.validation import NAME
from giornata.jobs.errors import BadSpec
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec

router = APIRouter(include_in_schema=False)


class WrittenOrder(View):
    """A spec as somebody wrote it, YAML or JSON; its relative paths start from `base`."""

    text: Annotated[str, Field(max_length=500_000)]
    base: Annotated[str, Field(min_length=1, max_length=4000)]
    priority: Annotated[int, Field(ge=0, le=100)] = PRIORITY
    dry_run: bool = False


@router.get("/submit")
def form(
    request: Request,
    services: ServicesDep,
    job_service: JobServiceDep,
    clone: Annotated[str | None, Query(pattern=NAME)] = None,
    mix: Annotated[str, Query(max_length=600)] = "",
    strength: Annotated[float, Query(ge=0, le=1)] = 1.0,
) -> Response:
    """The form, empty or with the spec of an earlier job."""
    source = job_service.job(clone) if clone else None
    text = "" if source is None else _words(source.spec)
    return render_page(
        request,
        "submit.html",
        here="submit",
        source=source,
        text=text,
        groups=_by_artist(services.style_trials, job_service),
        pictured=services.style_trials is not None,
        mix=mix,
        strength=strength,
    )


def _by_artist(style_trials: StyleTrials | None, job_service: JobService) -> list[tuple[str, list[str]]]:
    """Names of styles under their artists; all under none where only names are known."""
    if style_trials is None:
        return [("", sorted(job_service.styles.names()))]
    return [(artist, [card.name for card in cards]) for artist, cards in style_trials.library.by_artist()]


@router.post("/submit")
def submit(order: WrittenOrder, job_service: JobServiceDep) -> Response:
    """Store the job, or say what it would do. Raises `BadSpec`, `PlanRefused`."""
    spec, base = read(order.text), Path(order.base)
    if order.dry_run:
        return JsonText({"plan": job_service.plan(spec, base=base).model_dump(mode="json")})
    submission = job_service.submit(spec, base=base, priority=order.priority)
    return JsonText(
        {"job_id": submission.job.job_id, "created": submission.created}, 201 if submission.created else 200
    )


def read(text: str) -> JobSpec:
    """The spec of a text. Raises `BadSpec`."""
    try:
        data: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BadSpec("the form", f"not YAML: {reason}") from error
    return parse_spec(data, origin="the form")


def _words(spec: JobSpec) -> str:
    """A spec as YAML; addresses to notify are left out, because the store shows them to nobody in full."""
    fields = spec.model_dump(mode="json", exclude_defaults=True, exclude={"notify"})
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=96)
