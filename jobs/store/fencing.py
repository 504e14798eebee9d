"""Taking reports in, of which only those of the newest (epoch, attempt) count, in the caller's transaction.

The jobs are locked first, so what is read here cannot change before it is written. Whole batches are
read and written at once, because a statement per item costs more than the item.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, String, Update, bindparam, insert, select, update

from giornata.jobs.model.attempt import NOTHING_HAPPENED, Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.retry import History
from giornata.jobs.model.states import ItemEvent, ItemState, JobState, advance
from giornata.jobs.store.records import Settlement
from giornata.jobs.store.schema import attempt, item, job, storable
from giornata.jobs.store.sql import run_many
from giornata.jobs.store.transitions import lock_job, shift

_EVENT_FOR = {
    ItemState.DONE: ItemEvent.DELIVER,
    ItemState.QUEUED: ItemEvent.REQUEUE,
    ItemState.FAILED: ItemEvent.FAIL,
    ItemState.QUARANTINED: ItemEvent.QUARANTINE,
    ItemState.CANCELLED: ItemEvent.CANCEL,
}
_NO_INTENT = {"intent_sha256": None, "intent_bytes": None}
_LEASED = select(
    item.c.item_id, item.c.attempt, item.c.lease_epoch, item.c.failures, item.c.lost_workers
).where(
    item.c.job_id == bindparam("of_job"),
    item.c.item_id.in_(bindparam("ids", type_=String, expanding=True)),
    item.c.state == ItemState.LEASED,
)


def prepare(connection: Connection, reports: Sequence[tuple[Claim, Outcome]]) -> dict[ClaimKey, History]:
    """The histories of items with a report of the newest attempt, by claim key.

    Delivered files are written down as intents, so that publishing can begin. Stale reports change nothing
    but a counter.
    """
    fresh: dict[ClaimKey, History] = {}
    intents = []
    gate = _Gate(connection, [claim for claim, _ in reports])
    for claim, outcome in reports:
        row = gate.admit(claim, outcome)
        if row is None:
            continue
        fresh[claim.key] = History(
            row.failures, row.lost_workers, claim.task.tile_px, gate.is_cancelling(claim)
        )
        if outcome.outcome_class is OutcomeClass.DONE:
            intents.append((claim, {"intent_sha256": outcome.sha256, "intent_bytes": outcome.bytes}))
    _write(connection, intents)
    gate.count_stale()
    return fresh


def finish(connection: Connection, settlements: Sequence[Settlement], *, now: float) -> list[bool]:
    """Write decisions down; false for each stale report, of which nothing but a count remains."""
    gate = _Gate(connection, [settlement.claim for settlement in settlements])
    rows = [gate.admit(settlement.claim, settlement.outcome) for settlement in settlements]
    fresh = [_Fresh(settlement, row) for settlement, row in zip(settlements, rows, strict=True) if row]
    _write(connection, [(entry.settlement.claim, entry.values(now)) for entry in fresh])
    for job_id, entries in _by_job(fresh).items():
        moves = Counter(entry.settlement.decision.state for entry in entries)
        moves[ItemState.LEASED] -= len(entries)
        shift(connection, job_id, moves)
        _note_job(connection, job_id, [entry.settlement for entry in entries], now)
    failed = [entry.attempt_row(now) for entry in fresh if entry.leaves_a_row]
    if failed:
        connection.execute(insert(attempt), failed)
    gate.count_stale()
    return [row is not None for row in rows]


class _Gate:
    """Lets each leased attempt through once, and counts the stale ones."""

    def __init__(self, connection: Connection, claims: Sequence[Claim]) -> None:
        self._connection = connection
        self._stale: Counter[str] = Counter()
        self._jobs: dict[str, Any] = {}
        self._leased: dict[tuple[str, str], Any] = {}
        # Always in the same order, so that two of us never wait for each other.
        for job_id in sorted({claim.job_id for claim in claims}):
            ids = [claim.task.item_id for claim in claims if claim.job_id == job_id]
            self._read(job_id, ids)

    def _read(self, job_id: str, item_ids: list[str]) -> None:
        self._jobs[job_id] = lock_job(self._connection, job_id)
        rows = self._connection.execute(_LEASED, {"of_job": job_id, "ids": item_ids}).all()
        self._leased.update(((job_id, row.item_id), row) for row in rows)

    def admit(self, claim: Claim, outcome: Outcome) -> Any | None:
        """The leased row that a report is about; None when the report is stale."""
        place = (claim.job_id, claim.task.item_id)
        row = self._leased.get(place)
        held = row is not None and (row.lease_epoch, row.attempt) == (claim.epoch, claim.attempt)
        reported = outcome.key == claim.key
        if not (held and reported and self._jobs[claim.job_id].epoch == claim.epoch):
            self._stale[claim.job_id] += 1
            return None
        # Popped: the same report twice in one batch is stale the second time.
        return self._leased.pop(place)

    def is_cancelling(self, claim: Claim) -> bool:
        """Whether the job of a claim is being cancelled."""
        return bool(self._jobs[claim.job_id].state == JobState.CANCELLING)

    def count_stale(self) -> None:
        """Add the stale reports to the jobs' counters."""
        for job_id, more in self._stale.items():
            values = {"stale_reports": job.c.stale_reports + more}
            self._connection.execute(update(job).where(job.c.job_id == job_id).values(values))


@dataclass(frozen=True)
class _Fresh:
    """A settlement that counts, and the row it is about."""

    settlement: Settlement
    row: Any

    @property
    def leaves_a_row(self) -> bool:
        """Whether the attempt is kept as a row: failures and retries are, deliveries and returns are not."""
        return self.settlement.outcome.outcome_class not in (OutcomeClass.DONE, *NOTHING_HAPPENED)

    def values(self, now: float) -> dict[str, Any]:
        """The columns that change."""
        decision, outcome = self.settlement.decision, self.settlement.outcome
        state = advance(ItemState.LEASED, _EVENT_FOR[decision.state])
        if state is ItemState.DONE:
            return {"state": state, **_NO_INTENT, **_delivered(outcome, now)}
        if outcome.outcome_class is OutcomeClass.CANCELLED:
            return {"state": state, **_NO_INTENT}
        if outcome.outcome_class is OutcomeClass.WAITING:
            return {"state": state, **_NO_INTENT, "not_before": now + decision.delay_s}
        return {"state": state, **_NO_INTENT, **self._unfinished(now)}

    def _unfinished(self, now: float) -> dict[str, Any]:
        decision, outcome = self.settlement.decision, self.settlement.outcome
        values = {
            "outcome_class": outcome.outcome_class,
            "reason": storable(decision.reason),
            "seconds": outcome.seconds,
            "warnings": storable("; ".join(outcome.warnings)),
            "last_worker": storable(outcome.worker),
            "failures": self.row.failures + decision.counted,
            "lost_workers": self.row.lost_workers + decision.lost_worker,
            "not_before": now + decision.delay_s,
            "finished_at": now if decision.state.is_terminal else None,
        }
        return {**values, "tile_px": decision.tile_px} if decision.smaller_tile else values

    def attempt_row(self, now: float) -> dict[str, Any]:
        """The row that remembers this attempt."""
        claim, outcome = self.settlement.claim, self.settlement.outcome
        return {
            "job_id": claim.job_id,
            "item_id": claim.task.item_id,
            "attempt": claim.attempt,
            "epoch": claim.epoch,
            "worker": outcome.worker,
            "outcome_class": outcome.outcome_class,
            "reason": outcome.reason,
            "decision": f"{self.settlement.decision.state}: {self.settlement.decision.reason}",
            "seconds": outcome.seconds,
            "at": now,
            "log": outcome.log,
        }


def _delivered(outcome: Outcome, now: float) -> dict[str, Any]:
    return {
        "outcome_class": outcome.outcome_class,
        "reason": storable(outcome.reason),
        "seconds": outcome.seconds,
        "sha256": outcome.sha256,
        "bytes": outcome.bytes,
        "width": outcome.width,
        "height": outcome.height,
        "warnings": storable("; ".join(outcome.warnings)),
        **({"facts": storable(json.dumps(outcome.facts, ensure_ascii=False))} if outcome.facts else {}),
        "last_worker": storable(outcome.worker),
        "finished_at": now,
    }


def _write(connection: Connection, changes: Iterable[tuple[Claim, Mapping[str, Any]]]) -> None:
    """Update one row per claim, all rows that change the same columns in one statement."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for claim, values in changes:
        place = {"at_job": claim.job_id, "at_item": claim.task.item_id}
        alike[tuple(values)].append({**values, **place})
    for columns, rows in alike.items():
        run_many(connection, _update_of(columns), rows)


@lru_cache(maxsize=16)
def _update_of(columns: tuple[str, ...]) -> Update:
    conditions = (item.c.job_id == bindparam("at_job"), item.c.item_id == bindparam("at_item"))
    return update(item).where(*conditions).values({name: bindparam(name) for name in columns})


def _by_job(fresh: Iterable[_Fresh]) -> dict[str, list[_Fresh]]:
    grouped: dict[str, list[_Fresh]] = defaultdict(list)
    for entry in fresh:
        grouped[entry.settlement.claim.job_id].append(entry)
    return grouped


def _note_job(connection: Connection, job_id: str, settlements: Sequence[Settlement], now: float) -> None:
    """Credit a job with its deliveries, and hold it when one of the decisions says so."""
    done = [settlement.outcome for settlement in settlements if settlement.decision.state is ItemState.DONE]
    pixels = sum((outcome.width or 0) * (outcome.height or 0) for outcome in done)
    busy_s = sum(outcome.seconds for outcome in done)
    values: dict[str, Any] = {
        "pixels_done": job.c.pixels_done + pixels,
        "busy_s": job.c.busy_s + busy_s,
    }
    longest = max(settlements, key=lambda settlement: settlement.decision.hold_job_s).decision
    if longest.hold_job_s:
        values |= {"not_before": now + longest.hold_job_s, "reason": longest.reason}
    connection.execute(update(job).where(job.c.job_id == job_id).values(values))
