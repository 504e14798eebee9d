"""`JobFacts`: all that a page says of a job, gathered in one pass over its items that holds few of them."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.reports.output_manifest import Cause, summarise
from giornata.jobs.store.records import ItemRecord, JobRecord, WorkerRecord, destination_of
from giornata.jobs.store.store import JobStore
from giornata.workers.optimization.loss_history import LossHistory, history_at, history_from

SHOWN_PICTURES = 60
SHOWN_SLOWEST = 10
SHOWN_COURSES = 12
# Each costs two small queries; a page must not take minutes because a disk was away for an hour.
LOOKED_INTO = 5_000
KINDS_OF_REMARKS = 20


@dataclass
class StyleTally:
    """Totals of one style; seconds are of workers, summed over what it delivered."""

    label: str
    delivered: int = 0
    lost: int = 0
    pixels: int = 0
    seconds: float = 0.0

    @property
    def mean_s(self) -> float | None:
        """Seconds a picture, or None while none is delivered."""
        return self.seconds / self.delivered if self.delivered else None


@dataclass
class RetryTally:
    """Attempts that ended alike and were made again; `saved` of the items were delivered in the end."""

    outcome_class: OutcomeClass
    attempts: int = 0
    items: int = 0
    saved: int = 0
    reason: str = ""


@dataclass
class Remark:
    """A warning about delivered pictures, and the first of them."""

    words: str
    source: str
    items: int = 0


@dataclass(frozen=True)
class JobFacts:
    """A job at one moment. `looked_into` of the `retried` items make up `retries` and `failed_on`."""

    record: JobRecord
    destination: str
    now: float
    bytes_delivered: int
    remarks: tuple[Remark, ...]
    causes: tuple[Cause, ...]
    styles: tuple[StyleTally, ...]
    sample: tuple[ItemRecord, ...]
    slowest: tuple[ItemRecord, ...]
    retries: tuple[RetryTally, ...]
    retried: int
    looked_into: int
    workers: tuple[WorkerRecord, ...]
    failed_on: dict[str, int]
    courses: tuple[tuple[ItemRecord, LossHistory], ...] = ()

    @property
    def delivered(self) -> int:
        """How many items this job delivered itself."""
        return self.record.snapshot.counts.get(ItemState.DONE, 0)

    @property
    def wall_s(self) -> float | None:
        """Seconds from its start to its end or to now, pauses included; None before it started."""
        if self.record.started_at is None:
            return None
        return max(0.0, (self.record.finished_at or self.now) - self.record.started_at)

    @property
    def images_per_s(self) -> float | None:
        """Delivered images a second of wall time."""
        return self.delivered / self.wall_s if self.wall_s else None

    @property
    def megapixels_per_s(self) -> float | None:
        """Delivered megapixels a second of wall time."""
        return self.record.snapshot.pixels_done / 1e6 / self.wall_s if self.wall_s else None

    @property
    def busy_workers(self) -> float | None:
        """How many workers were at it on average."""
        return self.record.snapshot.busy_s / self.wall_s if self.wall_s else None


def gather(store: JobStore, job_id: str, *, now: float, scratch: Path | None = None) -> JobFacts:
    """The facts of a job at `now`, seconds since 1970; `scratch` is where it works. Raises `UnknownJob`."""
    record = store.jobs.get(job_id)
    walk = _ItemPass(store, record, scratch)
    for item in store.items.all(job_id):
        walk.add(item)
    return JobFacts(
        record=record,
        destination=str(destination_of(record)),
        now=now,
        bytes_delivered=walk.bytes_delivered,
        remarks=tuple(sorted(walk.remarks.values(), key=lambda remark: -remark.items)),
        causes=summarise(store, job_id).causes,
        styles=tuple(sorted(walk.styles.values(), key=lambda tally: tally.label)),
        sample=tuple(walk.sample),
        slowest=tuple(item for _, _, item in sorted(walk.slowest, reverse=True)),
        retries=tuple(sorted(walk.retries.values(), key=lambda tally: -tally.attempts)),
        retried=walk.retried,
        looked_into=min(walk.retried, LOOKED_INTO),
        workers=tuple(store.workers.all()),
        failed_on=dict(walk.failed_on),
        courses=tuple(walk.courses),
    )


def spread(total: int, limit: int) -> set[int]:
    """At most `limit` numbers below `total`, evenly apart."""
    shown = min(total, limit)
    return {number * total // shown for number in range(shown)}


@dataclass
class _ItemPass:
    """Totals and samples, kept while the items go by."""

    store: JobStore
    record: JobRecord
    scratch: Path | None = None
    bytes_delivered: int = 0
    retried: int = 0
    styles: dict[str, StyleTally] = field(default_factory=dict)
    retries: dict[OutcomeClass, RetryTally] = field(default_factory=dict)
    remarks: dict[str, Remark] = field(default_factory=dict)
    sample: list[ItemRecord] = field(default_factory=list)
    slowest: list[tuple[float, int, ItemRecord]] = field(default_factory=list)
    failed_on: Counter[str] = field(default_factory=Counter)
    courses: list[tuple[ItemRecord, LossHistory]] = field(default_factory=list)

    def __post_init__(self) -> None:
        counts = self.record.snapshot.counts
        # A batch that found everything delivered already shows what it found.
        self._pictured = ItemState.DONE if counts.get(ItemState.DONE) else ItemState.SKIPPED
        self._places = spread(counts.get(self._pictured, 0), SHOWN_PICTURES)
        self._pictures = count()

    def add(self, item: ItemRecord) -> None:
        """Take in one item."""
        if item.state is self._pictured and next(self._pictures) in self._places:
            self.sample.append(item)
        if item.state is ItemState.DONE:
            self._add_delivered(item)
        elif item.state.is_lost:
            self._style(item).lost += 1
            if item.attempt <= 1 and item.last_worker:
                self.failed_on[item.last_worker] += 1
        if len(self.courses) < SHOWN_COURSES and (course := self._course(item)):
            self.courses.append((item, course))
        if item.seconds and item.state.is_terminal:
            self._add_slow(item)
        if item.attempt > 1:
            self.retried += 1
            if self.retried <= LOOKED_INTO:
                self._add_attempts(item)

    def _course(self, item: ItemRecord) -> LossHistory | None:
        """How its loss fell, of an optimisation that is delivered or at work here."""
        if item.state is ItemState.LEASED:
            begun = history_at(self.scratch, item.item_id)
            return begun[1] if begun else None
        return history_from(item.facts)

    def _style(self, item: ItemRecord) -> StyleTally:
        return self.styles.setdefault(item.style_label, StyleTally(item.style_label))

    def _add_delivered(self, item: ItemRecord) -> None:
        tally = self._style(item)
        tally.delivered += 1
        tally.pixels += (item.width or 0) * (item.height or 0)
        tally.seconds += item.seconds
        self.bytes_delivered += item.bytes or 0
        if item.warnings:
            self._add_remark(item)

    def _add_remark(self, item: ItemRecord) -> None:
        if item.warnings in self.remarks or len(self.remarks) < KINDS_OF_REMARKS:
            remark = self.remarks.setdefault(item.warnings, Remark(item.warnings, item.source))
            remark.items += 1

    def _add_slow(self, item: ItemRecord) -> None:
        # Positions differ, so two items are never compared.
        keep = heapq.heappush if len(self.slowest) < SHOWN_SLOWEST else heapq.heappushpop
        keep(self.slowest, (item.seconds, -item.position, item))

    def _add_attempts(self, item: ItemRecord) -> None:
        seen = set()
        for attempt in self.store.items.attempts(item.job_id, item.item_id):
            if attempt.worker:
                self.failed_on[attempt.worker] += 1
            if not attempt.decision.startswith(ItemState.QUEUED):
                continue
            tally = self.retries.setdefault(attempt.outcome_class, RetryTally(attempt.outcome_class))
            tally.attempts += 1
            tally.reason = attempt.reason
            if attempt.outcome_class not in seen:
                seen.add(attempt.outcome_class)
                tally.items += 1
                tally.saved += item.state is ItemState.DONE
