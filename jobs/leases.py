"""Claiming, fencing and settling items, inside a transaction the caller holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from giornata.jobs.claim import Claim
from giornata.jobs.errors import Superseded, UnknownJob
from giornata.jobs.ledger import move_items, note, shift
from giornata.jobs.outcome import Outcome, OutcomeClass
from giornata.jobs.records import Settlement
from giornata.jobs.retry import History
from giornata.jobs.schema import attempt, item, job
from giornata.jobs.states import ItemEvent, ItemState, JobState, advance
from giornata.jobs.task import RenderTask

_LEASED = advance(ItemState.QUEUED, ItemEvent.CLAIM)
_EVENT_FOR = {
    ItemState.DONE: ItemEvent.DELIVER,
    ItemState.QUEUED: ItemEvent.REQUEUE,
    ItemState.FAILED: ItemEvent.FAIL,
    ItemState.QUARANTINED: ItemEvent.QUARANTINE,
    ItemState.CANCELLED: ItemEvent.CANCEL,
}
_NO_INTENT = {"intent_sha256": None, "intent_bytes": None}


def raise_epoch(connection: Connection, job_id: str, *, now: float) -> tuple[int, list[Claim]]:
    """The next epoch, and the attempts that were in flight under earlier ones, now back in the queue."""
    epoch = _epoch(connection, job_id) + 1
    connection.execute(update(job).where(job.c.job_id == job_id).values(epoch=epoch, not_before=0.0))
    in_flight = select(item).where(item.c.job_id == job_id, item.c.state == _LEASED)
    claims = [_claim(row, row.attempt, row.lease_epoch) for row in connection.execute(in_flight)]
    move_items(connection, job_id, ItemEvent.GIVE_BACK)
    note(connection, job_id, "raise_epoch", now=now, detail=f"epoch {epoch}, {len(claims)} leases returned")
    return epoch, claims


def give_back(connection: Connection, job_id: str, epoch: int) -> int:
    """Return every lease of this epoch to the queue; how many there were."""
    return move_items(connection, job_id, ItemEvent.GIVE_BACK, item.c.lease_epoch == epoch)


def claim(
    connection: Connection, job_id: str, *, epoch: int, count: int, lease_s: float, worker: str, now: float
) -> list[Claim]:
    """Lease up to `count` queued items whose time has come. Raises `UnknownJob`, `Superseded`."""
    current = _epoch(connection, job_id)
    if current != epoch:
        raise Superseded(job_id, epoch, current)
    state, not_before = connection.execute(
        select(job.c.state, job.c.not_before).where(job.c.job_id == job_id)
    ).one()
    if state != JobState.RUNNING or not_before > now:
        return []
    ready = and_(item.c.job_id == job_id, item.c.state == ItemState.QUEUED, item.c.not_before <= now)
    rows = connection.execute(select(item).where(ready).order_by(item.c.position).limit(count)).all()
    lease = {"lease_epoch": epoch, "lease_worker": worker, "lease_until": now + lease_s, **_NO_INTENT}
    _lease(connection, job_id, rows, lease)
    return [_claim(row, row.attempt + 1, epoch) for row in rows]


def _lease(connection: Connection, job_id: str, rows: Sequence[Row[Any]], lease: Mapping[str, Any]) -> None:
    if rows:
        statement = update(item).where(item.c.job_id == job_id, item.c.item_id == bindparam("id"))
        statement = statement.values(state=_LEASED, attempt=item.c.attempt + 1, **lease)
        connection.execute(statement, [{"id": row.item_id} for row in rows])
        shift(connection, job_id, {ItemState.QUEUED: -len(rows), _LEASED: len(rows)})


def prepare(
    connection: Connection, reports: Sequence[tuple[Claim, Outcome]]
) -> dict[tuple[str, int], History]:
    """Which reports are of the newest attempt, by claim key, with what their items have been through.

    Delivered files are written down as intents, so that publishing can begin. Stale reports change nothing
    but a counter.
    """
    fresh: dict[tuple[str, int], History] = {}
    for mine, outcome in reports:
        row = connection.execute(select(item).where(*_fence(mine))).one_or_none()
        if row is None or (outcome.item_id, outcome.attempt) != mine.key or not _is_current(connection, mine):
            _count_stale(connection, mine.job_id)
            continue
        cancelling = _state(connection, mine.job_id) == JobState.CANCELLING
        fresh[mine.key] = History(row.failures, row.lost_workers, mine.task.tile_px, cancelling)
        if outcome.outcome_class is OutcomeClass.DONE:
            intent = {"intent_sha256": outcome.sha256, "intent_bytes": outcome.bytes}
            connection.execute(update(item).where(*_fence(mine)).values(intent))
    return fresh


def finish(connection: Connection, settlement: Settlement, *, now: float) -> bool:
    """Write down what was decided; false, and nothing but a counter changes, when the report is stale."""
    mine, outcome, decision = settlement.claim, settlement.outcome, settlement.decision
    happened = _EVENT_FOR[decision.state]
    values = _delivered(outcome, now) if decision.state is ItemState.DONE else _unfinished(settlement, now)
    moved = _is_current(connection, mine) and move_items(
        connection, mine.job_id, happened, *_fence(mine), values=values
    )
    if not moved:
        _count_stale(connection, mine.job_id)
        return False
    if decision.state is ItemState.DONE:
        _credit(connection, mine.job_id, outcome)
    elif outcome.outcome_class is not OutcomeClass.CANCELLED:
        _record_attempt(connection, settlement, now)
    if decision.hold_job_s:
        hold = {"not_before": now + decision.hold_job_s, "reason": decision.reason}
        connection.execute(update(job).where(job.c.job_id == mine.job_id).values(hold))
    return True


def _fence(mine: Claim) -> tuple[Any, ...]:
    return (
        item.c.job_id == mine.job_id,
        item.c.item_id == mine.task.item_id,
        item.c.state == _LEASED,
        item.c.lease_epoch == mine.epoch,
        item.c.attempt == mine.attempt,
    )


def _is_current(connection: Connection, mine: Claim) -> bool:
    return _epoch(connection, mine.job_id) == mine.epoch


def _state(connection: Connection, job_id: str) -> str | None:
    return connection.scalar(select(job.c.state).where(job.c.job_id == job_id))


def _epoch(connection: Connection, job_id: str) -> int:
    found: int | None = connection.scalar(select(job.c.epoch).where(job.c.job_id == job_id))
    if found is None:
        raise UnknownJob(job_id)
    return found


def _count_stale(connection: Connection, job_id: str) -> None:
    more = job.c.stale_reports + 1
    connection.execute(update(job).where(job.c.job_id == job_id).values(stale_reports=more))


def _claim(row: Row[Any], number: int, epoch: int) -> Claim:
    task = RenderTask.model_validate_json(row.task)
    if row.tile_px is not None:
        task = task.model_copy(update={"tile_px": row.tile_px})
    return Claim(
        job_id=row.job_id,
        task=task,
        attempt=number,
        epoch=epoch,
        avoid_worker=row.last_worker,
        replace=row.may_replace,
    )


def _delivered(outcome: Outcome, now: float) -> dict[str, Any]:
    kept = outcome.model_dump(include={"sha256", "bytes", "width", "height", "seconds", "reason"})
    warnings = "; ".join(outcome.warnings)
    return {
        **kept,
        **_NO_INTENT,
        "outcome_class": outcome.outcome_class,
        "warnings": warnings,
        "finished_at": now,
    }


def _unfinished(settlement: Settlement, now: float) -> dict[str, Any]:
    outcome, decision = settlement.outcome, settlement.decision
    if outcome.outcome_class is OutcomeClass.CANCELLED:
        return dict(_NO_INTENT)
    values: dict[str, Any] = {
        **_NO_INTENT,
        "outcome_class": outcome.outcome_class,
        "reason": decision.reason,
        "seconds": outcome.seconds,
        "warnings": "; ".join(outcome.warnings),
        "last_worker": outcome.worker,
        "failures": item.c.failures + int(decision.counted),
        "lost_workers": item.c.lost_workers + int(decision.lost_worker),
        "not_before": now + decision.delay_s,
        "finished_at": now if decision.state.is_terminal else None,
    }
    return {**values, "tile_px": decision.tile_px} if decision.smaller_tile else values


def _credit(connection: Connection, job_id: str, outcome: Outcome) -> None:
    pixels = (outcome.width or 0) * (outcome.height or 0)
    more = {"pixels_done": job.c.pixels_done + pixels, "busy_s": job.c.busy_s + outcome.seconds}
    connection.execute(update(job).where(job.c.job_id == job_id).values(more))


def _record_attempt(connection: Connection, settlement: Settlement, now: float) -> None:
    mine, outcome, decision = settlement.claim, settlement.outcome, settlement.decision
    connection.execute(
        insert(attempt).values(
            job_id=mine.job_id,
            item_id=mine.task.item_id,
            attempt=mine.attempt,
            epoch=mine.epoch,
            worker=outcome.worker,
            outcome_class=outcome.outcome_class,
            reason=outcome.reason,
            decision=f"{decision.state}: {decision.reason}",
            seconds=outcome.seconds,
            at=now,
        )
    )
