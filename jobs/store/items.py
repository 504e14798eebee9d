"""Items of the store: inserted, paged and moved as whole transactions; who delivered what to which target."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, tuple_

from giornata.jobs.errors import UnknownItem
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.ports import Clock
from giornata.jobs.model.states import ItemEvent, ItemState
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import listed
from giornata.jobs.store import transitions as ledger
from giornata.jobs.store.database import Database
from giornata.jobs.store.records import AttemptRecord, Delivery, ItemRecord, NewItem
from giornata.jobs.store.schema import LOST, attempt, item, storable
from giornata.jobs.store.sql import insert_new

BATCH = 1_000  # rows in one insert or one page: a few hundred KB
_RECORD = [item.c[name] for name in ItemRecord.__dataclass_fields__]
_ATTEMPT = [attempt.c[name] for name in AttemptRecord.__dataclass_fields__]
_SKIPPABLE = (ItemState.FAILED, ItemState.QUARANTINED, ItemState.CANCELLED)
_CLEAN: dict[str, Any] = {
    "failures": 0,
    "lost_workers": 0,
    "not_before": 0.0,
    "outcome_class": None,
    "reason": "",
    # Of the delivered file that is to be replaced: it stays ours until then.
    "sha256": case((item.c.may_replace, item.c.sha256), else_=None),
    "bytes": case((item.c.may_replace, item.c.bytes), else_=None),
    "finished_at": None,
}


class ItemRepository:
    """The item part of a `JobStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def insert(self, job_id: str, items: Iterable[NewItem]) -> int:
        """Add items in batches after the job's own, which stay as they are; how many are new.

        The iterable is consumed between transactions, so it may read this store. Raises `UnknownJob`.
        """
        waiting = iter(items)
        added = 0
        while batch := list(islice(waiting, BATCH)):
            rows = [_item_row(job_id, new) for new in batch]
            with self._database.write() as connection:
                added += _insert(connection, job_id, rows)
        return added

    def all(self, job_id: str, states: Iterable[ItemState] | None = None) -> Iterator[ItemRecord]:
        """The items of a job in order, all or those in `states`, read page by page."""
        state_list = None if states is None else list(states)
        after: tuple[int, str] | None = None
        while True:
            page = self.page(job_id, states=state_list, after=after, limit=BATCH)
            yield from page
            if len(page) < BATCH:
                return
            after = (page[-1].position, page[-1].item_id)

    def page(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] | None = None,
        classes: Collection[OutcomeClass] | None = None,
        after: tuple[int, str] | None = None,
        limit: int = 200,
    ) -> list[ItemRecord]:
        """Items in order, those in `states` and of `classes`, going on after (position, item_id)."""
        query = select(*_RECORD).where(item.c.job_id == job_id, *_narrowed(classes)).limit(limit)
        if after is not None:
            query = query.where(tuple_(item.c.position, item.c.item_id) > after)
        queries = [query] if states is None else [_of_state(query, state) for state in set(states)]
        with self._database.read() as connection:
            rows = [
                row
                for part in queries
                for row in connection.execute(part.order_by(item.c.position, item.c.item_id)).mappings()
            ]
        rows.sort(key=lambda row: (row["position"], row["item_id"]))
        return [ItemRecord.from_row(row) for row in rows[:limit]]

    def get(self, job_id: str, item_id: str) -> ItemRecord:
        """One item. Raises `UnknownItem`."""
        query = select(*_RECORD).where(item.c.job_id == job_id, item.c.item_id == item_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise UnknownItem(job_id, item_id)
        return ItemRecord.from_row(row)

    def attempts(self, job_id: str, item_id: str) -> list[AttemptRecord]:
        """The attempts at an item that failed or were tried again, in order. Raises `UnknownItem`."""
        self.get(job_id, item_id)
        query = select(*_ATTEMPT).where(attempt.c.job_id == job_id, attempt.c.item_id == item_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(attempt.c.attempt_id)).mappings().all()
        return [AttemptRecord(**{**row, "outcome_class": OutcomeClass(row["outcome_class"])}) for row in rows]

    def failures(self, job_id: str, *, limit: int | None = None) -> list[ItemRecord]:
        """Items that failed or were quarantined, the first `limit` of them."""
        lost = (state for state in ItemState if state.is_lost)
        return list(islice(self.all(job_id, lost), limit))

    def lost_by_class(self, job_id: str) -> dict[str, int]:
        """How many items failed or were quarantined, by the class of their outcome."""
        kind = item.c.outcome_class
        query = select(kind, func.count()).where(item.c.job_id == job_id, LOST).group_by(kind)
        with self._database.read() as connection:
            return {name or "": count for name, count in connection.execute(query)}

    def task(self, job_id: str, item_id: str) -> RenderTask:
        """The task of an item. Raises `UnknownItem`."""
        query = select(item.c.task).where(item.c.job_id == job_id, item.c.item_id == item_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownItem(job_id, item_id)
        return RenderTask.model_validate_json(row.task)

    def cancel(self, job_id: str) -> int:
        """Cancel the items still in the queue; how many. Raises `UnknownJob`."""
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            return ledger.move_items(connection, job_id, ItemEvent.CANCEL, among=[ItemState.QUEUED])

    def reopen(
        self,
        job_id: str,
        states: Iterable[ItemState],
        *,
        classes: Collection[OutcomeClass] | None = None,
        items: Collection[str] | None = None,
        actor: str = ledger.MANAGER,
    ) -> int:
        """Put items in these states back in the queue with a clean record; how many. Raises `UnknownJob`.

        `classes` and `items` narrow it down.
        """
        origin_states, moved = tuple(states), 0
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            for chunk in _chunks(items):
                where = _narrowed(classes, chunk)
                moved += ledger.move_items(
                    connection, job_id, ItemEvent.REOPEN, *where, among=origin_states, values=_CLEAN
                )
            if moved:
                detail = f"{moved} items: {listed((*origin_states, *(classes or ())))}"
                self._note(connection, job_id, "reopen_items", actor, detail)
        return moved

    def skip(self, job_id: str, item_ids: Collection[str], *, actor: str, reason: str) -> int:
        """Set items aside that wait, failed or were cancelled; how many. Raises `UnknownJob`.

        Items that are delivered or being worked on stay as they are.
        """
        moved = 0
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            for chunk in _chunks(item_ids):
                where = _narrowed(None, chunk)
                # What has ended is a moment in the queue, as if it had been asked for again.
                ledger.move_items(
                    connection, job_id, ItemEvent.REOPEN, *where, among=_SKIPPABLE, values=_CLEAN
                )
                values = {"reason": reason, "finished_at": self._clock.now()}
                moved += ledger.move_items(
                    connection, job_id, ItemEvent.SKIP, *where, among=[ItemState.QUEUED], values=values
                )
            if moved:
                self._note(connection, job_id, "skip_items", actor, f"{moved} items: {reason}")
        return moved

    def move(self, job_id: str, item_id: str, happened: ItemEvent, *, reason: str) -> bool:
        """Apply an event to one item; false when its state does not know the event. Raises `UnknownJob`."""
        values = {**(_CLEAN if happened is ItemEvent.REOPEN else {}), "reason": reason}
        condition = item.c.item_id == item_id
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            return bool(ledger.move_items(connection, job_id, happened, condition, values=values))

    def _note(self, connection: Connection, job_id: str, kind: str, actor: str, detail: str) -> None:
        ledger.note(connection, job_id, kind, now=self._clock.now(), actor=actor, detail=detail)


def _of_state(query: Select[Any], state: ItemState) -> Select[Any]:
    """The part of a query that is about one state, in an order that only `item_in_line` has.

    A database that reads several states in the order of their positions reads the whole job.
    """
    return query.where(item.c.state.between(state, state)).order_by(item.c.state)


def _narrowed(
    classes: Collection[OutcomeClass] | None,
    item_ids: Collection[str] | None = None,
) -> list[ColumnElement[bool]]:
    """The conditions for these classes and item ids; None narrows nothing."""
    columns = ((item.c.outcome_class, classes), (item.c.item_id, item_ids))
    return [column.in_([str(value) for value in values]) for column, values in columns if values is not None]


def _chunks(item_ids: Collection[str] | None) -> Iterator[list[str] | None]:
    """Item ids a statement's worth at a time; a single None for all items."""
    if item_ids is None:
        yield None
        return
    waiting = iter(item_ids)
    while chunk := list(islice(waiting, BATCH)):
        yield chunk


def _insert(connection: Connection, job_id: str, rows: list[dict[str, Any]]) -> int:
    ledger.lock_job(connection, job_id)
    last = connection.scalar(select(func.max(item.c.position)).where(item.c.job_id == job_id))
    for position, row in enumerate(rows, start=0 if last is None else last + 1):
        row["position"] = position
    added = 0
    for state in {row["state"] for row in rows}:
        count = insert_new(connection, item, [row for row in rows if row["state"] == state])
        ledger.shift(connection, job_id, {state: count})
        added += count
    return added


def _item_row(job_id: str, new: NewItem) -> dict[str, Any]:
    task = new.task
    return {
        "job_id": job_id,
        "item_id": task.item_id,
        "source": task.source,
        "target": task.target,
        "style_label": task.style_label,
        "task": task.model_dump_json(),
        "content_key": task.content_key(),
        "state": new.state,
        "reason": storable(new.reason),
        "may_replace": new.replace,
        "facts": storable(json.dumps(task.outline(), ensure_ascii=False)),
    }


_ENDED = tuple(state for state in ItemState if state.is_terminal)


class RenewalRepository:
    """The part of a `JobStore` that a second listing needs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def known_keys(self, job_id: str, item_ids: Sequence[str]) -> dict[str, str]:
        """The content keys of those of these items that the job has, by their ids."""
        conditions = (item.c.job_id == job_id, item.c.item_id.in_(item_ids))
        query = select(item.c.item_id, item.c.content_key).where(*conditions)
        with self._database.read() as connection:
            return {row.item_id: row.content_key for row in connection.execute(query)}

    def requeue_changed(self, job_id: str, task: RenderTask, *, replace: bool) -> bool:
        """Queue an item again with a newer task; false when it is being worked on. Raises `UnknownJob`.

        `replace` lets it take the place of the file delivered before.
        """
        values = {
            "task": task.model_dump_json(),
            "content_key": task.content_key(),
            "may_replace": replace,
            "reason": "its source, its style or the engine has changed since",
            "failures": 0,
            "lost_workers": 0,
            "not_before": 0.0,
        }
        conditions = (item.c.item_id == task.item_id,)
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            moved = ledger.move_items(
                connection, job_id, ItemEvent.REOPEN, *conditions, among=_ENDED, values=values
            )
            if not moved:
                waiting = (item.c.job_id == job_id, item.c.state == ItemState.QUEUED, *conditions)
                moved = connection.execute(item.update().where(*waiting).values(**values)).rowcount
        return bool(moved)


_PUT_THERE = and_(or_(item.c.state == ItemState.DONE, item.c.may_replace), item.c.sha256.is_not(None))


class DeliveryRepository:
    """The part of a `JobStore` that knows what we delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, target: str) -> Delivery | None:
        """The newest record that we delivered `target`, by any job; None when it is not ours."""
        columns = [item.c[name] for name in Delivery.__dataclass_fields__]
        query = select(*columns).where(
            item.c.item_id == item_id_of(target), item.c.state == ItemState.DONE, item.c.target == target
        )
        with self._database.read() as connection:
            row = connection.execute(query.order_by(item.c.finished_at.desc()).limit(1)).first()
            return Delivery(*row) if row else None

    def put_at(self, target: str) -> set[tuple[int, str]]:
        """Bytes and SHA-256 of all that we delivered to `target` and that may stand there now.

        An item that is queued again to replace what it delivered keeps these until it has.
        """
        query = select(item.c.bytes, item.c.sha256).where(
            item.c.item_id == item_id_of(target), item.c.target == target, _PUT_THERE
        )
        with self._database.read() as connection:
            return {(row.bytes, row.sha256) for row in connection.execute(query)}

    def owns(self, target: str) -> bool:
        """Whether a file at `target` is ours: delivered, or being published when its manager died."""
        conditions = (item.c.item_id == item_id_of(target), item.c.target == target)
        recorded = or_(item.c.state == ItemState.DONE, _PUT_THERE, item.c.intent_sha256.is_not(None))
        with self._database.read() as connection:
            return connection.execute(select(item.c.job_id).where(*conditions, recorded)).first() is not None
