"""What people send to the service: frozen bodies of requests that refuse unknown keys."""

from typing import Annotated, Any

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from giornata.cluster.service.api import LOST, PRIORITY
from giornata.cluster.service.schemas.base import View
from giornata.cluster.service.validation import NAME, NUMBER
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec

MOST_ITEMS = 1000  # named in one request


def _with_our_words(value: Any, handler: ValidatorFunctionWrapHandler) -> JobSpec:
    """The spec, refused in the words that `giornata plan` uses rather than pydantic's."""
    return value if isinstance(value, JobSpec) else parse_spec(value, origin="spec")


Name = Annotated[str, Field(pattern=NAME)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_ITEMS)]
Spec = Annotated[JobSpec, WrapValidator(_with_our_words)]
Words = Annotated[str, Field(max_length=500)]
Count = Annotated[int, Field(ge=1, le=NUMBER)]


class SubmitOrder(View):
    """A batch to render; its relative paths start from `base`, a folder on the service's machine."""

    spec: Spec
    base: Annotated[str, Field(min_length=1, max_length=4000)]
    client_token: Annotated[str, Field(pattern=f"^$|{NAME}")] = ""
    priority: Annotated[int, Field(ge=0, le=100)] = PRIORITY
    max_workers: Count | None = None
    dry_run: bool = False


class SetOrder(View):
    """What a job may take from now on; what is left out stays."""

    priority: Annotated[int, Field(ge=0, le=100)] | None = None
    max_workers: Count | None = None
    unlimited: bool = False


class RetryOrder(View):
    """Which items to queue again: those in these states, of these classes, with these ids."""

    states: tuple[ItemState, ...] = LOST
    classes: tuple[OutcomeClass, ...] = ()
    items: Names | None = None


class SkipOrder(View):
    """Which items to leave out."""

    items: Names
    reason: Words = ""


class VerifyOrder(View):
    """Whether to queue again what is missing or damaged."""

    repair: bool = False


class HoldOrder(View):
    """Why a worker gets no more work."""

    reason: Words = ""


class GcOrder(View):
    """Whether only to look."""

    dry_run: bool = True
