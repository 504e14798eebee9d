"""`WorkerRepository`: what the manager last saw of its workers, and which of them get no work."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, select

from giornata.jobs.model.ports import Clock
from giornata.jobs.store import transitions as ledger
from giornata.jobs.store.database import Database
from giornata.jobs.store.records import BlockKind, BlockRecord, WorkerRecord
from giornata.jobs.store.schema import block, worker
from giornata.jobs.store.sql import upsert


class WorkerRepository:
    """The worker part of a `JobStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def put(self, records: Sequence[WorkerRecord]) -> None:
        """Store the current workers; those not named are removed."""
        names = [record.worker for record in records]
        with self._database.write() as connection:
            connection.execute(delete(worker).where(worker.c.worker.not_in(names)))
            upsert(connection, worker, [asdict(record) for record in records])

    def all(self) -> list[WorkerRecord]:
        """The workers as last seen, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(worker).order_by(worker.c.worker)).mappings()
            return [WorkerRecord(**row) for row in rows]

    def block(self, worker: str, kind: BlockKind, *, reason: str, by: str) -> None:
        """Give a worker no more work; asked again, the newer reason stays."""
        now = self._clock.now()
        row = {"worker": worker, "kind": kind, "reason": reason, "actor": by, "at": now}
        with self._database.write() as connection:
            upsert(connection, block, [row])
            ledger.note(connection, "", kind, now=now, actor=by, detail=f"{worker}: {reason}")

    def unblock(self, worker: str, *, by: str) -> bool:
        """Lift all blocks of a worker; false when it had none."""
        with self._database.write() as connection:
            was_blocked = connection.execute(delete(block).where(block.c.worker == worker)).rowcount > 0
            if was_blocked:
                ledger.note(connection, "", "unblock", now=self._clock.now(), actor=by, detail=worker)
        return was_blocked

    def blocks(self) -> list[BlockRecord]:
        """All blocks, by worker."""
        columns = (block.c.worker, block.c.kind, block.c.reason, block.c.actor, block.c.at)
        with self._database.read() as connection:
            rows = connection.execute(select(*columns).order_by(block.c.worker, block.c.kind)).all()
        return [BlockRecord(name, BlockKind(kind), *more) for name, kind, *more in rows]
