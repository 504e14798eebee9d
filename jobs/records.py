"""Rows of the store as others see them, and the words for submitting and settling."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giornata.jobs.claim import Claim
from giornata.jobs.outcome import Outcome, OutcomeClass
from giornata.jobs.ports import JobSnapshot
from giornata.jobs.retry import Decision
from giornata.jobs.spec import JobSpec
from giornata.jobs.states import ItemState, JobState
from giornata.jobs.task import RenderTask


@dataclass(frozen=True)
class JobRecord:
    """One job: what was asked for and how far it is."""

    job_id: str
    spec: JobSpec
    base: Path
    epoch: int
    reason: str
    not_before: float
    created_at: float
    updated_at: float
    snapshot: JobSnapshot

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        return self.snapshot.state


@dataclass(frozen=True)
class ItemRecord:
    """One item: its task's outline and its result."""

    job_id: str
    item_id: str
    position: int
    source: str
    target: str
    style_label: str
    state: ItemState
    attempt: int
    outcome_class: OutcomeClass | None
    reason: str
    seconds: float
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    warnings: str
    finished_at: float | None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "ItemRecord":
        """From a row that holds at least these columns."""
        kept = {name: row[name] for name in cls.__dataclass_fields__}
        known = kept["outcome_class"]
        kept["outcome_class"] = OutcomeClass(known) if known else None
        return cls(**{**kept, "state": ItemState(kept["state"])})


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


@dataclass(frozen=True)
class Settlement:
    """A report, and what was decided about it."""

    claim: Claim
    outcome: Outcome
    decision: Decision
