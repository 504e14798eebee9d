"""`EventRepository`: what happened, what is to be told of it to webhooks, and the store's settings."""

from collections.abc import Collection, Sequence

from sqlalchemy import insert, select, update

from giornata.jobs.model.ports import Clock
from giornata.jobs.store import transitions as ledger
from giornata.jobs.store.database import Database
from giornata.jobs.store.records import EventRecord, NoticeRecord, NoticeState
from giornata.jobs.store.schema import event, notice, setting
from giornata.jobs.store.sql import upsert

NOTICE_CURSOR = "notice_cursor"  # the last event that was looked at for notices
_NOTICE = [notice.c[name] for name in NoticeRecord.__dataclass_fields__]


class EventRepository:
    """The event part of a `JobStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def page(
        self,
        *,
        job_id: str | None = None,
        after: int = 0,
        kinds: Collection[str] | None = None,
        limit: int = 200,
    ) -> list[EventRecord]:
        """Events in order, of one job or of all, of all kinds or of `kinds`, going on after event `after`."""
        query = select(event).where(event.c.event_id > after).order_by(event.c.event_id).limit(limit)
        if job_id is not None:
            query = query.where(event.c.job_id == (job_id or None))
        if kinds is not None:
            query = query.where(event.c.kind.in_([str(kind) for kind in kinds]))
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [EventRecord(**{**row, "job_id": row["job_id"] or ""}) for row in rows]

    def last(
        self, *, job_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[EventRecord]:
        """The newest events first, of one job or of all, going on before event `before`."""
        query = select(event).order_by(event.c.event_id.desc()).limit(limit)
        if job_id is not None:
            query = query.where(event.c.job_id == (job_id or None))
        if before is not None:
            query = query.where(event.c.event_id < before)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [EventRecord(**{**row, "job_id": row["job_id"] or ""}) for row in rows]

    def append(self, kind: str, *, actor: str, detail: str = "", job_id: str = "") -> None:
        """Append an event, of a job or of none. Raises `UnknownJob`."""
        with self._database.write() as connection:
            if job_id:
                ledger.lock_job(connection, job_id, shared=True)
            ledger.note(connection, job_id, kind, now=self._clock.now(), actor=actor, detail=detail)

    def setting(self, key: str) -> str | None:
        """A setting of the store, if it was ever put."""
        with self._database.read() as connection:
            return connection.scalar(select(setting.c.value).where(setting.c.key == key))

    def put_setting(self, key: str, value: str) -> None:
        """Put a setting of the store."""
        with self._database.write() as connection:
            upsert(connection, setting, [{"key": key, "value": value}])

    def add_notices(self, rows: Sequence[tuple[str, str, str, str]], *, cursor: int) -> None:
        """Keep (job_id, url, kind, body) until sent, and the last event they were made from, in one step."""
        now = self._clock.now()
        shared = {"state": NoticeState.WAITING, "tries": 0, "not_before": now, "created_at": now}
        names = ("job_id", "url", "kind", "body")
        with self._database.write() as connection:
            if rows:
                notices = [{**dict(zip(names, row, strict=True)), **shared} for row in rows]
                connection.execute(insert(notice), notices)
            upsert(connection, setting, [{"key": NOTICE_CURSOR, "value": str(cursor)}])

    def due_notices(self, limit: int = 20) -> list[NoticeRecord]:
        """Notices to be sent now, those that have waited longest first."""
        query = select(*_NOTICE).where(
            notice.c.state == NoticeState.WAITING, notice.c.not_before <= self._clock.now()
        )
        query = query.order_by(notice.c.not_before, notice.c.notice_id).limit(limit)
        with self._database.read() as connection:
            return [NoticeRecord(**row) for row in connection.execute(query).mappings()]

    def settle_notice(
        self, notice_id: int, *, sent: bool, error: str = "", again_in_s: float | None = None
    ) -> None:
        """Write down how an attempt went; one that failed comes again after `again_in_s`, or never."""
        values = {"tries": notice.c.tries + 1, "last_error": error}
        if sent:
            values["state"] = NoticeState.SENT
        elif again_in_s is None:
            values["state"] = NoticeState.GIVEN_UP
        else:
            values["not_before"] = self._clock.now() + again_in_s
        with self._database.write() as connection:
            connection.execute(update(notice).where(notice.c.notice_id == notice_id).values(values))
