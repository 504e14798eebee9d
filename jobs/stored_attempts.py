"""`StoredAttempts`: what only the active manager does with items: hand out, take in, fence."""

from collections.abc import Sequence

from sqlalchemy import func, select

from giornata.jobs import fencing, leases, ledger
from giornata.jobs.claim import Claim
from giornata.jobs.database import Database
from giornata.jobs.outcome import Outcome
from giornata.jobs.ports import Clock
from giornata.jobs.records import Settlement
from giornata.jobs.retry import History
from giornata.jobs.schema import item, job
from giornata.jobs.states import ItemEvent, ItemState


class StoredAttempts:
    """The attempt part of a `JobStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

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
        mine = item.c.item_id == item_id
        with self._database.write() as connection:
            ledger.lock_job(connection, job_id)
            return bool(ledger.move_items(connection, job_id, ItemEvent.ADOPT, mine, values=values))

    def give_back(self, job_id: str, *, epoch: int) -> int:
        """Return the leases of this epoch to the queue; how many."""
        with self._database.write() as connection:
            return leases.give_back(connection, job_id, epoch)

    def next_ready_s(self, job_id: str) -> float | None:
        """Seconds until the next queued item may be claimed, 0 when one may now; nothing when none waits."""
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
