"""Moving rows between states and keeping the counters in step, inside a transaction the caller holds."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update

from giornata.jobs.errors import UnknownJob
from giornata.jobs.model.states import (
    ITEM_TRANSITIONS,
    ItemEvent,
    ItemState,
    JobEvent,
    JobState,
    advance,
    origins,
)
from giornata.jobs.store.schema import counter, event, item, job
from giornata.jobs.store.sql import commit_in_order

MANAGER = "manager"  # who did it, in the events that no person caused

_HELD = select(job.c.state, job.c.epoch, job.c.not_before).where(job.c.job_id == bindparam("job_id"))
# Weaker than FOR UPDATE: other rows may still refer to the job meanwhile.
_LOCKED = _HELD.with_for_update(key_share=True)
_SHARED = _HELD.with_for_update(read=True)
_SHIFT = (
    update(counter)
    .where(counter.c.job_id == bindparam("of_job"), counter.c.state == bindparam("at"))
    .values(amount=counter.c.amount + bindparam("more"))
)


class HeldAttempt(NamedTuple):
    """A locked job: the columns that a manager reads before it changes anything."""

    state: JobState
    epoch: int
    not_before: float


def lock_job(connection: Connection, job_id: str, *, shared: bool = False) -> HeldAttempt:
    """Lock a job until this transaction ends, against any change; when `shared`, others may lock it so too.

    Every transaction that moves items takes this lock first, so that no two of them wait for each other's
    rows. Raises `UnknownJob`.
    """
    row = connection.execute(_SHARED if shared else _LOCKED, {"job_id": job_id}).one_or_none()
    if row is None:
        raise UnknownJob(job_id)
    return HeldAttempt(JobState(row.state), row.epoch, row.not_before)


def move_items(
    connection: Connection,
    job_id: str,
    happened: ItemEvent,
    *where: ColumnElement[bool],
    among: Iterable[ItemState] = tuple(ItemState),
    values: Mapping[str, Any] | None = None,
) -> int:
    """Apply an event to every item in `among` that matches `where` and knows the event; how many moved."""
    moved = 0
    candidates = frozenset(among)
    for origin in origins(happened):
        if origin not in candidates:
            continue
        target = ITEM_TRANSITIONS[origin, happened]
        statement = update(item).where(item.c.job_id == job_id, item.c.state == origin, *where)
        count = connection.execute(statement.values(state=target, **(values or {}))).rowcount
        shift(connection, job_id, {origin: -count, target: count})
        moved += count
    return moved


def shift(connection: Connection, job_id: str, changes: Mapping[ItemState, int]) -> None:
    """Add `changes` to the counters of a job."""
    rows = [{"of_job": job_id, "at": state, "more": more} for state, more in sorted(changes.items()) if more]
    if rows:
        connection.execute(_SHIFT, rows)


def open_counters(connection: Connection, job_id: str) -> None:
    """A row at zero for every state of a new job."""
    connection.execute(
        insert(counter), [{"job_id": job_id, "state": state, "amount": 0} for state in ItemState]
    )


def move_job(
    connection: Connection, job_id: str, happened: JobEvent, *, now: float, actor: str, reason: str = ""
) -> JobState:
    """Apply an event to a job and write it down. Raises `UnknownJob`, `IllegalTransition`."""
    state = advance(lock_job(connection, job_id).state, happened)
    values: dict[str, Any] = {"state": state, "reason": reason, "updated_at": now}
    values["finished_at"] = now if state.is_terminal else None
    if happened is JobEvent.START:
        values["started_at"] = func.coalesce(job.c.started_at, now)
    if happened is JobEvent.RESUME:
        values["canary_open"] = False  # a person has seen why it paused
    change_job(connection, job_id, values)
    note(connection, job_id, happened, now=now, actor=actor, detail=reason)
    return state


def change_job(connection: Connection, job_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a job. Raises `UnknownJob`."""
    if not connection.execute(update(job).where(job.c.job_id == job_id).values(**values)).rowcount:
        raise UnknownJob(job_id)


def note(
    connection: Connection, job_id: str, kind: str, *, now: float, actor: str = MANAGER, detail: str = ""
) -> None:
    """Append to the events, of a job or of none; the last thing a transaction does."""
    commit_in_order(connection)
    row = {"job_id": job_id or None, "at": now, "actor": actor, "kind": kind, "detail": detail}
    connection.execute(insert(event), row)
