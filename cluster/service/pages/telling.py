"""What pages say of a job beside the views: causes with samples, neighbours, the spec as it was written."""

from dataclasses import dataclass, field

from giornata.cluster.reporting.page import spec_words
from giornata.cluster.service.desk import Desk
from giornata.cluster.service.views_items import ItemView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.records import ItemRecord
from giornata.jobs.store.store import JobStore

SAMPLES = 5
LOOKED_INTO = 2000  # failures of one class that are read for their words
REASONS = 8


@dataclass
class Words:
    """Failures that were told in the same words."""

    reason: str
    count: int = 0
    samples: list[ItemRecord] = field(default_factory=list)
    first_at: float | None = None
    last_at: float | None = None

    def add(self, item: ItemRecord) -> None:
        """Take in one failure."""
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(item)
        if item.finished_at is not None:
            self.first_at = min(self.first_at or item.finished_at, item.finished_at)
            self.last_at = max(self.last_at or item.finished_at, item.finished_at)


@dataclass(frozen=True)
class FailureCause:
    """Failures of one class: how many, and of the first ones in what words."""

    kind: str
    count: int
    looked_into: int
    words: tuple[Words, ...]


def causes_of(store: JobStore, job_id: str) -> list[FailureCause]:
    """The failures of a job by cause, the most frequent first. Raises `UnknownJob`."""
    counts = store.lost_by_class(job_id)
    lost = [state for state in ItemState if state.is_lost]
    causes = []
    for kind, count in sorted(counts.items(), key=lambda one: -one[1]):
        classes = [OutcomeClass(kind)] if kind else None
        items = store.page(job_id, states=lost, classes=classes, limit=LOOKED_INTO)
        items = [item for item in items if kind or item.outcome_class is None]
        found: dict[str, Words] = {}
        for item in items:
            key = fingerprint(item)
            found.setdefault(key, Words(key)).add(item)
        ordered = sorted(found.values(), key=lambda words: -words.count)[:REASONS]
        causes.append(FailureCause(kind or "other", count, len(items), tuple(ordered)))
    return causes


def fingerprint(item: ItemRecord) -> str:
    """Why an item failed, without the names that are its own."""
    words = item.reason
    for path, word in ((item.source, "<source>"), (item.target, "<target>")):
        words = words.replace(path, word).replace(path.rpartition("/")[2] or path, word)
    return words


def neighbours(store: JobStore, item: ItemView) -> tuple[str | None, str | None]:
    """The ids of the items before and after this one."""
    after = store.page(item.job_id, after=(item.position, item.item_id), limit=1)
    # Positions may have gaps where a listing met an item a second time.
    before = None
    for width in (1, 50, 1000):
        start = (max(-1, item.position - width - 1), "~")
        found = store.page(item.job_id, after=start, limit=width)
        earlier = [one for one in found if one.position < item.position]
        if earlier:
            before = earlier[-1].item_id
            break
    return before, after[0].item_id if after else None


def spec_text(desk: Desk, job_id: str) -> str:
    """What was asked for, as one would write it."""
    return spec_words(desk.job(job_id).spec)
