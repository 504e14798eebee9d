"""Handing items out and taking them back, inside a transaction the caller holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from giornata.jobs.claim import Claim
from giornata.jobs.errors import Superseded, UnknownJob
from giornata.jobs.ledger import move_items, note, shift
from giornata.jobs.schema import item, job
from giornata.jobs.states import ItemEvent, ItemState, JobState, advance
from giornata.jobs.task import RenderTask

_LEASED = advance(ItemState.QUEUED, ItemEvent.CLAIM)
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


def _epoch(connection: Connection, job_id: str) -> int:
    found: int | None = connection.scalar(select(job.c.epoch).where(job.c.job_id == job_id))
    if found is None:
        raise UnknownJob(job_id)
    return found


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
