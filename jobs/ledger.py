"""Moving rows between states and keeping the counters in step, inside a transaction the caller holds."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from giornata.jobs.errors import UnknownJob
from giornata.jobs.schema import counter, event, item, job
from giornata.jobs.states import ITEM_TRANSITIONS, ItemEvent, ItemState, JobEvent, JobState, advance, origins

MANAGER = "manager"  # who did it, in the events that no person caused


def move_items(
    connection: Connection,
    job_id: str,
    happened: ItemEvent,
    *where: ColumnElement[bool],
    values: Mapping[str, Any] | None = None,
) -> int:
    """Apply an event to every item of the job that matches `where` and knows the event; how many moved."""
    moved = 0
    for origin in origins(happened):
        target = ITEM_TRANSITIONS[origin, happened]
        statement = update(item).where(item.c.job_id == job_id, item.c.state == origin, *where)
        count = connection.execute(statement.values(state=target, **(values or {}))).rowcount
        shift(connection, job_id, {origin: -count, target: count})
        moved += count
    return moved


def shift(connection: Connection, job_id: str, changes: Mapping[ItemState, int]) -> None:
    """Add `changes` to the counters of a job."""
    rows = [{"at": state, "more": more} for state, more in changes.items() if more]
    if rows:
        statement = update(counter).where(counter.c.job_id == job_id, counter.c.state == bindparam("at"))
        connection.execute(statement.values(amount=counter.c.amount + bindparam("more")), rows)


def open_counters(connection: Connection, job_id: str) -> None:
    """A row at zero for every state of a new job."""
    connection.execute(
        insert(counter), [{"job_id": job_id, "state": state, "amount": 0} for state in ItemState]
    )


def move_job(
    connection: Connection, job_id: str, happened: JobEvent, *, now: float, actor: str, reason: str = ""
) -> JobState:
    """Apply an event to a job and write it down. Raises `UnknownJob`, `IllegalTransition`."""
    state = advance(job_state(connection, job_id), happened)
    connection.execute(
        update(job).where(job.c.job_id == job_id).values(state=state, reason=reason, updated_at=now)
    )
    note(connection, job_id, happened, now=now, actor=actor, detail=reason)
    return state


def job_state(connection: Connection, job_id: str) -> JobState:
    """The state of a job. Raises `UnknownJob`."""
    found = connection.scalar(select(job.c.state).where(job.c.job_id == job_id))
    if found is None:
        raise UnknownJob(job_id)
    return JobState(found)


def note(
    connection: Connection, job_id: str, kind: str, *, now: float, actor: str = MANAGER, detail: str = ""
) -> None:
    """Append to the events of a job."""
    connection.execute(insert(event).values(job_id=job_id, at=now, actor=actor, kind=kind, detail=detail))


def has_state(states: Iterable[ItemState]) -> ColumnElement[bool]:
    """Whether an item is in one of `states`."""
    return item.c.state.in_([str(state) for state in states])
