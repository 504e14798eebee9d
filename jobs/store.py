"""`JobStore`: the truth about jobs and items, as whole transactions; one manager writes, anyone may read."""

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from giornata.jobs import fencing, leases, ledger
from giornata.jobs.claim import Claim
from giornata.jobs.clock import SystemClock
from giornata.jobs.database import Database
from giornata.jobs.errors import UnknownJob
from giornata.jobs.naming import item_id_of
from giornata.jobs.outcome import Outcome
from giornata.jobs.ports import Clock, JobSnapshot
from giornata.jobs.records import Delivery, ItemRecord, JobRecord, NewItem, Settlement
from giornata.jobs.retry import History
from giornata.jobs.schema import counter, item, job
from giornata.jobs.spec import JobSpec
from giornata.jobs.states import ItemEvent, ItemState, JobEvent, JobState

BATCH = 1_000  # rows in one insert or one page: a few hundred KB
_RECORD = [item.c[name] for name in ItemRecord.__dataclass_fields__]


class JobStore:
    """A store in one SQLite file. Methods are short transactions and raise `StoreUnavailable`."""

    def __init__(self, path: str | Path, *, clock: Clock | None = None) -> None:
        self._database = Database(Path(path))
        self._clock = clock or SystemClock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # Jobs

    def create_job(self, spec: JobSpec, *, base: Path, client_token: str = "", owner: str = "") -> str:
        """A new job in state `listing`, or the one that has this token already; its id.

        Without a token the name and the spec's digest are one, so the same batch is the same job.
        """
        digest = spec.digest(base=base)
        token = client_token or _own_token(spec, base)
        with self._database.write() as connection:
            known = connection.scalar(select(job.c.job_id).where(job.c.client_token == token))
            if known:
                return str(known)
            job_id = f"{_slug(spec.name)}-{secrets.token_hex(4)}"
            now = self._clock.now()
            row = {"job_id": job_id, "name": spec.name, "spec": spec.model_dump_json(), "spec_digest": digest}
            row |= {"base": str(base.resolve()), "client_token": token, "owner": owner}
            times = {"state": JobState.LISTING, "created_at": now, "updated_at": now}
            connection.execute(insert(job).values(**row, **times))
            ledger.open_counters(connection, job_id)
            ledger.note(connection, job_id, "create", now=now, actor=owner or ledger.MANAGER)
        return job_id

    def find_job(self, spec: JobSpec, *, base: Path) -> str | None:
        """The job that the same name and spec made before, if any."""
        with self._database.read() as connection:
            token = _own_token(spec, base)
            return connection.scalar(select(job.c.job_id).where(job.c.client_token == token))

    def job(self, job_id: str) -> JobRecord:
        """One job with its numbers. Raises `UnknownJob`."""
        with self._database.read() as connection:
            row = connection.execute(select(job).where(job.c.job_id == job_id)).mappings().one_or_none()
            if row is None:
                raise UnknownJob(job_id)
            return JobRecord(
                spec=JobSpec.model_validate_json(row["spec"]),
                base=Path(row["base"]),
                snapshot=_snapshot(connection, row),
                **{name: row[name] for name in _JOB_PLAIN},
            )

    def snapshot(self, job_id: str) -> JobSnapshot:
        """The numbers of a job without its spec. Raises `UnknownJob`."""
        with self._database.read() as connection:
            row = connection.execute(select(job).where(job.c.job_id == job_id)).mappings().one_or_none()
            if row is None:
                raise UnknownJob(job_id)
            return _snapshot(connection, row)

    def job_ids(self) -> list[str]:
        """All jobs, the newest first."""
        with self._database.read() as connection:
            return list(connection.scalars(select(job.c.job_id).order_by(job.c.created_at.desc())))

    def move_job(
        self, job_id: str, happened: JobEvent, *, reason: str = "", actor: str = ledger.MANAGER
    ) -> JobState:
        """Apply an event to a job; its new state. Raises `UnknownJob`, `IllegalTransition`."""
        with self._database.write() as connection:
            now = self._clock.now()
            return ledger.move_job(connection, job_id, happened, now=now, actor=actor, reason=reason)

    # Items

    def insert_items(self, job_id: str, items: Iterable[NewItem]) -> int:
        """Add items in batches, in the order given; items the job has already are left alone. How many came.

        The iterable is consumed between transactions, so it may read this store.
        """
        waiting = enumerate(items)
        added = 0
        while batch := list(islice(waiting, BATCH)):
            with self._database.write() as connection:
                added += _insert(connection, job_id, batch)
        return added

    def items(self, job_id: str, states: Iterable[ItemState] | None = None) -> Iterator[ItemRecord]:
        """The items of a job in order, all or those in `states`, read page by page."""
        wanted = list(ItemState) if states is None else list(states)
        place = tuple_(item.c.position, item.c.item_id)
        query = select(*_RECORD).where(item.c.job_id == job_id, ledger.has_state(wanted))
        query = query.order_by(item.c.position, item.c.item_id).limit(BATCH)
        last = (-1, "")
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query.where(place > last)).mappings().all()
            yield from (ItemRecord.from_row(row) for row in rows)
            if len(rows) < BATCH:
                return
            last = (rows[-1]["position"], rows[-1]["item_id"])

    def failures(self, job_id: str, *, limit: int | None = None) -> list[ItemRecord]:
        """Items that failed or were quarantined, the first `limit` of them."""
        lost = (state for state in ItemState if state.is_lost)
        return list(islice(self.items(job_id, lost), limit))

    def delivery(self, target: str) -> Delivery | None:
        """The newest record that we delivered `target`, by any job; nothing when it is not ours."""
        query = select(item.c.job_id, item.c.content_key, item.c.bytes, item.c.sha256).where(
            item.c.item_id == item_id_of(target), item.c.state == ItemState.DONE, item.c.target == target
        )
        with self._database.read() as connection:
            row = connection.execute(query.order_by(item.c.finished_at.desc()).limit(1)).first()
            return Delivery(*row) if row else None

    def cancel_items(self, job_id: str) -> int:
        """Cancel whatever is still in the queue; how many."""
        with self._database.write() as connection:
            queued = ledger.has_state([ItemState.QUEUED])
            return ledger.move_items(connection, job_id, ItemEvent.CANCEL, queued)

    def owns(self, target: str) -> bool:
        """Whether a file at `target` is ours: delivered, or being published when its manager died."""
        mine = (item.c.item_id == item_id_of(target), item.c.target == target)
        recorded = or_(item.c.state == ItemState.DONE, item.c.intent_sha256.is_not(None))
        with self._database.read() as connection:
            return connection.execute(select(item.c.job_id).where(*mine, recorded)).first() is not None

    def reopen(self, job_id: str, states: Iterable[ItemState]) -> int:
        """Put items in these states back in the queue with a clean record; how many."""
        with self._database.write() as connection:
            return ledger.move_items(
                connection, job_id, ItemEvent.REOPEN, ledger.has_state(states), values=_CLEAN
            )

    def move_item(self, job_id: str, item_id: str, happened: ItemEvent, *, reason: str) -> bool:
        """Apply an event to one item; false when its state does not know the event."""
        values = {**(_CLEAN if happened is ItemEvent.REOPEN else {}), "reason": reason}
        with self._database.write() as connection:
            return bool(
                ledger.move_items(connection, job_id, happened, item.c.item_id == item_id, values=values)
            )

    # Attempts

    def raise_epoch(self, job_id: str) -> tuple[int, list[Claim]]:
        """Take a job over: the new epoch, and the attempts under earlier ones, which are queued again.

        From here on every report of an earlier epoch is stale. Raises `UnknownJob`.
        """
        with self._database.write() as connection:
            return leases.raise_epoch(connection, job_id, now=self._clock.now())

    def claim(self, job_id: str, count: int, lease_s: float, worker: str, *, epoch: int) -> list[Claim]:
        """Lease up to `count` items of a running job, the first in line first.

        Raises `UnknownJob`, and `Superseded` when `epoch` is not the job's any more.
        """
        with self._database.write() as connection:
            now = self._clock.now()
            return leases.claim(
                connection, job_id, epoch=epoch, count=count, lease_s=lease_s, worker=worker, now=now
            )

    def prepare(self, reports: Sequence[tuple[Claim, Outcome]]) -> dict[tuple[str, int], History]:
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
        with self._database.write() as connection:
            mine = item.c.item_id == item_id
            return bool(ledger.move_items(connection, job_id, ItemEvent.ADOPT, mine, values=values))

    def give_back(self, job_id: str, *, epoch: int) -> int:
        """Return the leases of this epoch to the queue; how many."""
        with self._database.write() as connection:
            return leases.give_back(connection, job_id, epoch)

    def next_ready_s(self, job_id: str) -> float | None:
        """Seconds until the next queued item may be claimed, 0 when one may now; nothing when none waits."""
        waiting = select(func.min(item.c.not_before)).where(
            item.c.job_id == job_id, item.c.state == ItemState.QUEUED
        )
        with self._database.read() as connection:
            earliest = connection.scalar(waiting)
            hold = connection.scalar(select(job.c.not_before).where(job.c.job_id == job_id))
        return None if earliest is None else max(0.0, max(earliest, hold or 0.0) - self._clock.now())


_JOB_PLAIN = ("job_id", "epoch", "reason", "not_before", "created_at", "updated_at")
_CLEAN: dict[str, Any] = {
    "failures": 0,
    "lost_workers": 0,
    "not_before": 0.0,
    "outcome_class": None,
    "reason": "",
    "sha256": None,
    "bytes": None,
    "finished_at": None,
}


def _own_token(spec: JobSpec, base: Path) -> str:
    return f"run:{spec.name}:{spec.digest(base=base)}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "job"


def _snapshot(connection: Connection, row: RowMapping) -> JobSnapshot:
    counts = select(counter.c.state, counter.c.amount).where(counter.c.job_id == row["job_id"])
    return JobSnapshot(
        job_id=row["job_id"],
        name=row["name"],
        state=JobState(row["state"]),
        counts={ItemState(state): amount for state, amount in connection.execute(counts)},
        pixels_done=row["pixels_done"],
        busy_s=row["busy_s"],
        stale_reports=row["stale_reports"],
    )


def _insert(connection: Connection, job_id: str, batch: list[tuple[int, NewItem]]) -> int:
    rows = [_item_row(job_id, position, new) for position, new in batch]
    added = 0
    for state in {new.state for _, new in batch}:
        some = [row for row in rows if row["state"] == state]
        count = connection.execute(insert_or_ignore(item).on_conflict_do_nothing(), some).rowcount
        ledger.shift(connection, job_id, {state: count})
        added += count
    return added


def _item_row(job_id: str, position: int, new: NewItem) -> dict[str, Any]:
    task = new.task
    return {
        "job_id": job_id,
        "item_id": task.item_id,
        "position": position,
        "source": task.source,
        "target": task.target,
        "style_label": task.style_label,
        "task": task.model_dump_json(),
        "content_key": task.content_key(),
        "state": new.state,
        "reason": new.reason,
        "may_replace": new.replace,
    }
