"""What the service says of items and their attempts."""

from typing import Self

from giornata.cluster.service.views import View
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.records import ItemRecord


class ItemView(View):
    """One item: its task's outline and its result."""

    job_id: str
    item_id: str
    position: int
    source: str
    target: str
    style_label: str
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
    finished_at: float | None
    content_key: str

    @classmethod
    def of(cls, record: ItemRecord) -> Self:
        """From the store's record."""
        return cls.model_validate(record)


class AttemptView(View):
    """One attempt that failed or was tried again, what was decided about it, and what it said."""

    attempt: int
    epoch: int
    worker: str
    outcome_class: OutcomeClass
    reason: str
    decision: str
    seconds: float
    at: float
    log: str


class ItemPage(View):
    """Some items in order; `next` asks for the following page."""

    items: tuple[ItemView, ...]
    next: str | None = None


class AttemptList(View):
    """What happened to one item, attempt by attempt."""

    attempts: tuple[AttemptView, ...]
