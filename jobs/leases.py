"""Handing items out and taking them back, inside a transaction the caller holds."""

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from giornata.jobs.bulk import run_many
from giornata.jobs.claim import Claim
from giornata.jobs.errors import Superseded
from giornata.jobs.ledger import change_job, lock_job, move_items, note, shift
from giornata.jobs.schema import item
from giornata.jobs.states import ItemEvent, ItemState, JobState, advance
from giornata.jobs.task import RenderTask

_LEASED = advance(ItemState.QUEUED, ItemEvent.CLAIM)
_CLAIMED = (
    item.c.item_id,
    item.c.task,
    item.c.tile_px,
    item.c.attempt,
    item.c.last_worker,
    item.c.may_replace,
)
# A range and an order that only `item_in_line` has: a server that guesses how many items are queued would
# otherwise walk the whole job from its beginning, past everything that is done.
_READY = (
    select(*_CLAIMED)
    .where(
        item.c.job_id == bindparam("of_job"),
        item.c.state.between(ItemState.QUEUED, ItemState.QUEUED),
        item.c.not_before <= bindparam("now"),
    )
    .order_by(item.c.state, item.c.position)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(item)
    .where(
        item.c.job_id == bindparam("of_job"),
        item.c.item_id == bindparam("id"),
    )
    .values(
        state=_LEASED,
        attempt=item.c.attempt + 1,
        lease_epoch=bindparam("epoch"),
        lease_worker=bindparam("worker"),
        lease_until=bindparam("until"),
        intent_sha256=None,
        intent_bytes=None,
    )
)


def raise_epoch(connection: Connection, job_id: str, *, now: float) -> tuple[int, list[Claim]]:
    """The next epoch, and the attempts that were in flight under earlier ones, now back in the queue."""
    epoch = lock_job(connection, job_id).epoch + 1
    change_job(connection, job_id, {"epoch": epoch, "not_before": 0.0})
    in_flight = select(*_CLAIMED, item.c.lease_epoch).where(item.c.job_id == job_id, item.c.state == _LEASED)
    claims = [_claim(job_id, row, row.attempt, row.lease_epoch) for row in connection.execute(in_flight)]
    move_items(connection, job_id, ItemEvent.GIVE_BACK)
    note(connection, job_id, "raise_epoch", now=now, detail=f"epoch {epoch}, {len(claims)} leases returned")
    return epoch, claims


def give_back(connection: Connection, job_id: str, epoch: int) -> int:
    """Return every lease of this epoch to the queue; how many there were. Raises `UnknownJob`."""
    lock_job(connection, job_id)
    return move_items(connection, job_id, ItemEvent.GIVE_BACK, item.c.lease_epoch == epoch)


def claim(
    connection: Connection, job_id: str, *, epoch: int, count: int, lease_s: float, worker: str, now: float
) -> list[Claim]:
    """Lease up to `count` queued items whose time has come. Raises `UnknownJob`, `Superseded`."""
    # Shared: several may claim at once, since each passes over the rows that another one has locked.
    held = lock_job(connection, job_id, shared=True)
    if held.epoch != epoch:
        raise Superseded(job_id, epoch, held.epoch)
    if held.state != JobState.RUNNING or held.not_before > now:
        return []
    rows = connection.execute(_READY, {"of_job": job_id, "now": now, "count": count}).all()
    if rows:
        lease = {"of_job": job_id, "epoch": epoch, "worker": worker, "until": now + lease_s}
        run_many(connection, _LEASE, [{**lease, "id": row.item_id} for row in rows])
        shift(connection, job_id, {ItemState.QUEUED: -len(rows), _LEASED: len(rows)})
    return [_claim(job_id, row, row.attempt + 1, epoch) for row in rows]


def _claim(job_id: str, row: Any, number: int, epoch: int) -> Claim:
    task = RenderTask.model_validate_json(row.task)
    if row.tile_px is not None:
        task = task.model_copy(update={"tile_px": row.tile_px})
    return Claim(
        job_id=job_id,
        task=task,
        attempt=number,
        epoch=epoch,
        avoid_worker=row.last_worker,
        replace=row.may_replace,
    )
