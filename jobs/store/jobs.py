"""`JobRepository`: the jobs of a store, their states and their numbers, as whole transactions."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, bindparam, select, tuple_

from giornata.jobs.errors import UnknownJob
from giornata.jobs.model.ports import Clock, JobSnapshot
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store import transitions as ledger
from giornata.jobs.store.database import Database
from giornata.jobs.store.records import UNSET, JobLine, JobRecord, LiveJob, Unset
from giornata.jobs.store.schema import counter, job
from giornata.jobs.store.sql import insert_new

_LARGE = ("spec", "base")
_LINE = [column for column in job.c if column.name not in _LARGE]
_PLAIN = [name for name in JobLine.__dataclass_fields__ if name != "snapshot"]
_LIVE = [job.c[name] for name in LiveJob.__dataclass_fields__]
_RUNS_ON = [str(state) for state in JobState if not state.is_terminal]
_SNAPSHOT = select(*_LINE).where(job.c.job_id == bindparam("job_id"))
_LIVE_JOBS = select(*_LIVE).where(job.c.state.in_(_RUNS_ON)).order_by(job.c.created_at, job.c.job_id)


class JobRepository:
    """The job part of a `JobStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def create(
        self,
        spec: JobSpec,
        *,
        base: Path,
        client_token: str = "",
        owner: str = "",
        priority: int = 50,
        max_workers: int | None = None,
    ) -> str:
        """A new job in state `listing`, or the one that this owner's token has made already; its id.

        Without a token the name and the spec's digest are one, so the same batch is the same job.
        """
        digest = spec.digest(base=base)
        job_id, now = f"{_slug(spec.name)}-{secrets.token_hex(4)}", self._clock.now()
        row: dict[str, Any] = {
            "job_id": job_id,
            "name": spec.name,
            "spec": spec.model_dump_json(),
            "spec_digest": digest,
        }
        row |= {"base": str(base.resolve()), "owner": owner}
        row |= {
            "client_token": _token(client_token, owner) if client_token else _own_token(spec.name, digest)
        }
        row |= {"priority": priority, "max_workers": max_workers}
        row |= {"state": JobState.LISTING, "created_at": now, "updated_at": now}
        with self._database.write() as connection:
            existing = _by_token(connection, row["client_token"])
            if existing:
                return existing
            if not insert_new(connection, job, [row], unique="client_token"):
                # Another process was a moment quicker, and has committed by now.
                return str(_by_token(connection, row["client_token"]))
            ledger.open_counters(connection, job_id)
            ledger.note(connection, job_id, "create", now=now, actor=owner or ledger.MANAGER)
        return job_id

    def find(self, spec: JobSpec, *, base: Path) -> str | None:
        """The job that the same name and spec made before without a token, if any."""
        with self._database.read() as connection:
            return _by_token(connection, _own_token(spec.name, spec.digest(base=base)))

    def by_token(self, token: str, owner: str = "") -> str | None:
        """The job that this owner made with this token, if any."""
        with self._database.read() as connection:
            return _by_token(connection, _token(token, owner))

    def get(self, job_id: str) -> JobRecord:
        """One job with its numbers. Raises `UnknownJob`."""
        query = select(job).where(job.c.job_id == job_id)
        with self._database.read() as connection:
            row = _known(connection.execute(query).mappings().one_or_none(), job_id)
            line = _plain(row) | {"snapshot": _snapshot(row, _counts(connection, [job_id])[job_id])}
        return JobRecord(spec=JobSpec.model_validate_json(row["spec"]), base=Path(row["base"]), **line)

    def snapshot(self, job_id: str) -> JobSnapshot:
        """The numbers of a job without its spec. Raises `UnknownJob`."""
        with self._database.read() as connection:
            row = connection.execute(_SNAPSHOT, {"job_id": job_id}).mappings().one_or_none()
            return _snapshot(_known(row, job_id), _counts(connection, [job_id])[job_id])

    def page(
        self, *, states: Iterable[JobState] | None = None, after: str | None = None, limit: int = 100
    ) -> list[JobLine]:
        """A page of jobs without their specs, the newest first, going on after the job `after`.

        Raises `UnknownJob` when there is no job `after`.
        """
        query = select(*_LINE).order_by(job.c.created_at.desc(), job.c.job_id.desc()).limit(limit)
        if states is not None:
            query = query.where(job.c.state.in_([str(state) for state in states]))
        with self._database.read() as connection:
            if after is not None:
                query = query.where(tuple_(job.c.created_at, job.c.job_id) < _place(connection, after))
            rows = connection.execute(query).mappings().all()
            counts = _counts(connection, [row["job_id"] for row in rows])
        return [JobLine(snapshot=_snapshot(row, counts[row["job_id"]]), **_plain(row)) for row in rows]

    def ids(self) -> list[str]:
        """All jobs, the newest first."""
        with self._database.read() as connection:
            return list(connection.scalars(select(job.c.job_id).order_by(job.c.created_at.desc())))

    def live(self) -> list[LiveJob]:
        """Every job that has not ended, the oldest first."""
        with self._database.read() as connection:
            return [_live(row) for row in connection.execute(_LIVE_JOBS)]

    def move(
        self, job_id: str, happened: JobEvent, *, reason: str = "", actor: str = ledger.MANAGER
    ) -> JobState:
        """Apply an event to a job; its new state. Raises `UnknownJob`, `IllegalTransition`."""
        now = self._clock.now()
        with self._database.write() as connection:
            return ledger.move_job(connection, job_id, happened, now=now, actor=actor, reason=reason)

    def change(
        self, job_id: str, *, priority: int | None = None, max_workers: int | Unset | None = UNSET, actor: str
    ) -> None:
        """Change the settings of a job that a person may change at any time. Raises `UnknownJob`."""
        changes: dict[str, Any] = {} if priority is None else {"priority": priority}
        if max_workers is not UNSET:
            changes["max_workers"] = max_workers
        detail = ", ".join(f"{name} {value}" for name, value in changes.items())
        now = self._clock.now()
        with self._database.write() as connection:
            ledger.change_job(connection, job_id, {**changes, "updated_at": now})
            if detail:
                ledger.note(connection, job_id, "set", now=now, actor=actor, detail=detail)

    def mark_listed(self, job_id: str) -> None:
        """Mark a job as listed; one that waited for that is queued. Raises `UnknownJob`."""
        now = self._clock.now()
        with self._database.write() as connection:
            waits = ledger.lock_job(connection, job_id).state == JobState.LISTING
            ledger.change_job(connection, job_id, {"listed": True, "updated_at": now})
            if waits:
                ledger.move_job(connection, job_id, JobEvent.LISTED, now=now, actor=ledger.MANAGER)
            else:
                ledger.note(connection, job_id, JobEvent.LISTED, now=now)

    def begin_listing(self, job_id: str) -> None:
        """Mark a job as not yet listed. Raises `UnknownJob`."""
        self._change(job_id, {"listed": False})

    def close_canary(self, job_id: str) -> None:
        """Watch the first items no longer. Raises `UnknownJob`."""
        self._change(job_id, {"canary_open": False})

    def _change(self, job_id: str, values: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            ledger.change_job(connection, job_id, {**values, "updated_at": self._clock.now()})


def _token(client_token: str, owner: str) -> str:
    """The stored form of a client's token: any text, of any length, and of one owner."""
    return (
        "client:" + hashlib.sha256(f"{owner}\0{client_token}".encode("utf-8", "backslashreplace")).hexdigest()
    )


def _own_token(name: str, digest: str) -> str:
    return f"run:{name}:{digest}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "job"


def _by_token(connection: Connection, token: Any) -> str | None:
    return connection.scalar(select(job.c.job_id).where(job.c.client_token == token))


def _known(row: RowMapping | None, job_id: str) -> RowMapping:
    if row is None:
        raise UnknownJob(job_id)
    return row


def _place(connection: Connection, job_id: str) -> tuple[float, str]:
    created_at = connection.scalar(select(job.c.created_at).where(job.c.job_id == job_id))
    if created_at is None:
        raise UnknownJob(job_id)
    return created_at, job_id


def _plain(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _PLAIN}


def _live(row: Row[Any]) -> LiveJob:
    return LiveJob(**{**row._mapping, "state": JobState(row.state)})


def _counts(connection: Connection, job_ids: Sequence[str]) -> dict[str, dict[ItemState, int]]:
    counts: dict[str, dict[ItemState, int]] = {job_id: {} for job_id in job_ids}
    query = select(counter.c.job_id, counter.c.state, counter.c.amount).where(counter.c.job_id.in_(job_ids))
    for job_id, state, amount in connection.execute(query):
        counts[job_id][ItemState(state)] = amount
    return counts


def _snapshot(row: RowMapping, counts: Mapping[ItemState, int]) -> JobSnapshot:
    return JobSnapshot(
        job_id=row["job_id"],
        name=row["name"],
        state=JobState(row["state"]),
        counts=counts,
        pixels_done=row["pixels_done"],
        busy_s=row["busy_s"],
        stale_reports=row["stale_reports"],
    )
