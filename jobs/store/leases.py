"""Leases: claiming items, returning them, raising the epoch, and completing them behind the fence."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from giornata.jobs.errors import Superseded
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome
from giornata.jobs.model.ports import Clock
from giornata.jobs.model.retry import History
from giornata.jobs.model.states import ItemEvent, ItemState, JobState, advance
from giornata.jobs.model.task import RenderTask
from giornata.jobs.store import fencing
from giornata.jobs.store import transitions as ledger
from giornata.jobs.store.database import Database
from giornata.jobs.store.records import Settlement
from giornata.jobs.store.schema import item, job
from giornata.jobs.store.sql import run_many
from giornata.jobs.store.transitions import change_job, lock_job, move_items, note, shift

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


def return_leases(connection: Connection, job_id: str, epoch: int) -> int:
    """Return every lease of this epoch to the queue; how many there were. Raises `UnknownJob`."""
    lock_job(connection, job_id)
    return move_items(connection, job_id, ItemEvent.GIVE_BACK, item.c.lease_epoch == epoch)


def claim_leases(
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


class LeaseRepository:
    """The attempt part of a `JobStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def raise_epoch(self, job_id: str) -> tuple[int, list[Claim]]:
        """Take a job over: the new epoch, and the attempts under earlier ones, which are queued again.

        From here on every report of an earlier epoch is stale. Raises `UnknownJob`.
        """
        with self._database.write() as connection:
            return raise_epoch(connection, job_id, now=self._clock.now())

    def claim(self, job_id: str, count: int, lease_s: float, worker: str, *, epoch: int) -> list[Claim]:
        """Lease up to `count` items of a running job, the first in line first.

        Raises `UnknownJob`, and `Superseded` when `epoch` is not the job's any more.
        """
        with self._database.write() as connection:
            now = self._clock.now()
            return claim_leases(
                connection, job_id, epoch=epoch, count=count, lease_s=lease_s, worker=worker, now=now
            )

    def prepare(self, reports: Sequence[tuple[Claim, Outcome]]) -> dict[ClaimKey, History]:
        """Sort out stale reports and note the files about to be published; histories by claim key."""
        with self._database.write() as connection:
            return fencing.prepare(connection, reports)

    def finish(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Write decisions down, fenced on (epoch, attempt); false for each that was stale."""
        with self._database.write() as connection:
            return fencing.finish(connection, settlements, now=self._clock.now())

    def intents(self, job_id: str) -> list[tuple[str, str, str, int]]:
        """(item_id, target, sha256, bytes) of queued items whose manager died around their publication."""
        columns = (item.c.item_id, item.c.target, item.c.intent_sha256, item.c.intent_bytes)
        query = select(*columns).where(
            item.c.job_id == job_id, item.c.state == ItemState.QUEUED, item.c.intent_sha256.is_not(None)
        )
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def adopt(self, job_id: str, item_id: str, *, sha256: str, bytes: int) -> bool:
        """Record a queued item as delivered, because the file of its intent is there."""
        values = {"sha256": sha256, "bytes": bytes, "outcome_class": "done", "reason": ""}
        values |= {"intent_sha256": None, "intent_bytes": None, "finished_at": self._clock.now()}
        condition = item.c.item_id == item_id
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            return bool(ledger.move_items(connection, job_id, ItemEvent.ADOPT, condition, values=values))

    def return_leases(self, job_id: str, *, epoch: int) -> int:
        """Return the leases of this epoch to the queue; how many."""
        with self._database.write() as connection:
            return return_leases(connection, job_id, epoch)

    def next_ready_s(self, job_id: str) -> float | None:
        """Seconds until the next queued item may be claimed, 0 when one may now; None when none waits."""
        now = self._clock.now()
        waiting = (item.c.job_id == job_id, item.c.state == ItemState.QUEUED)
        with self._database.read() as connection:
            # Most often one of the first in line is ready; only else all of them have to be looked at.
            ready = connection.scalar(
                select(item.c.not_before).where(*waiting, item.c.not_before <= now).limit(1)
            )
            earliest = (
                ready
                if ready is not None
                else connection.scalar(select(func.min(item.c.not_before)).where(*waiting))
            )
            hold = connection.scalar(select(job.c.not_before).where(job.c.job_id == job_id))
        return None if earliest is None else max(0.0, max(earliest, hold or 0.0) - now)
