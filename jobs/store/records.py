"""Rows of the store as others see them, and the words for submitting and settling."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Final

from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.paths import is_url, located
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.job import JobSpec


class Unset(Enum):
    """The type of `UNSET`: a field left as it is, where None would be a value of its own."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True)
class JobLine:
    """One job as a line of a list: everything but its spec."""

    job_id: str
    owner: str
    priority: int
    max_workers: int | None
    listed: bool
    epoch: int
    reason: str
    not_before: float
    created_at: float
    updated_at: float
    started_at: float | None
    finished_at: float | None
    spec_digest: str
    snapshot: JobSnapshot

    @property
    def name(self) -> str:
        """The name its spec gives it."""
        return self.snapshot.name

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        return self.snapshot.state


@dataclass(frozen=True)
class JobRecord(JobLine):
    """One job: its spec and how far it is."""

    spec: JobSpec
    base: Path


@dataclass(frozen=True)
class LiveJob:
    """The fields that a scheduler needs of a job that has not ended."""

    job_id: str
    state: JobState
    priority: int
    max_workers: int | None
    listed: bool
    not_before: float
    created_at: float
    epoch: int
    canary_open: bool


@dataclass(frozen=True)
class ItemRecord:
    """One item: its task's outline and its result."""

    job_id: str
    item_id: str
    position: int
    source: str
    target: str
    style_label: str
    content_key: str
    state: ItemState
    attempt: int
    failures: int
    not_before: float
    lease_worker: str
    last_worker: str
    outcome_class: OutcomeClass | None
    reason: str
    seconds: float
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    warnings: str
    facts: dict[str, Any]
    finished_at: float | None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "ItemRecord":
        """An item from a row that holds at least these columns."""
        values = {name: row[name] for name in cls.__dataclass_fields__}
        outcome_class = values["outcome_class"]
        values["outcome_class"] = OutcomeClass(outcome_class) if outcome_class else None
        facts = json.loads(values["facts"]) if values["facts"] else {}
        return cls(**{**values, "facts": facts, "state": ItemState(values["state"])})


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt that failed or was tried again, the decision on it, and its log."""

    attempt: int
    epoch: int
    worker: str
    outcome_class: OutcomeClass
    reason: str
    decision: str
    seconds: float
    at: float
    log: str


@dataclass(frozen=True)
class EventRecord:
    """Who did what when; `job_id` is empty for an event of no job."""

    event_id: int
    job_id: str
    at: float
    actor: str
    kind: str
    detail: str


@dataclass(frozen=True)
class WorkerRecord:
    """One worker as its manager last saw it; `job_id` and `item_id` are empty when it is idle."""

    worker: str
    state: str
    node: str
    pid: int | None
    job_id: str
    item_id: str
    done: int
    failures: int
    seen_at: float


class BlockKind(StrEnum):
    """Why a worker gets no more work: people asked for the first two, the manager decided the last."""

    DRAIN = "drain"
    BLOCK = "block"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True)
class BlockRecord:
    """A worker that gets no more work, the reason, and who gave it."""

    worker: str
    kind: BlockKind
    reason: str
    by: str
    at: float


class NoticeState(StrEnum):
    """Where a message to a webhook stands."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class NoticeRecord:
    """A message that waits to be sent to a webhook; `tries` counts the attempts so far."""

    notice_id: int
    job_id: str
    url: str
    kind: str
    body: str
    tries: int


@dataclass(frozen=True)
class NewItem:
    """A task about to be stored; one that needs no work arrives in the state it ends in."""

    task: RenderTask
    state: ItemState = ItemState.QUEUED
    reason: str = ""
    replace: bool = False


@dataclass(frozen=True)
class Delivery:
    """The newest record that a target was delivered by us."""

    job_id: str
    content_key: str
    bytes: int
    sha256: str
    finished_at: float


@dataclass(frozen=True)
class Settlement:
    """A report, and the decision on it."""

    claim: Claim
    outcome: Outcome
    decision: Decision


def destination_of(record: JobRecord) -> str:
    """The folder or prefix a job delivers to, the way its targets spell it: absolute, links resolved."""
    place = located(record.spec.destination, base=record.base)
    return place if is_url(place) else os.path.realpath(place)
