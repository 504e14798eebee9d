"""`JobStore`: the truth about jobs and items in one place, put together from its repositories."""

from pathlib import Path
from types import TracebackType
from typing import Self

from giornata.jobs.clock import SystemClock
from giornata.jobs.model.ports import Clock
from giornata.jobs.store.database import Database
from giornata.jobs.store.events import EventRepository
from giornata.jobs.store.items import BATCH, DeliveryRepository, ItemRepository, RenewalRepository
from giornata.jobs.store.jobs import JobRepository
from giornata.jobs.store.leases import LeaseRepository
from giornata.jobs.store.lock import ManagerLock, manager_lock
from giornata.jobs.store.state_map import StateMap
from giornata.jobs.store.workers import WorkerRepository

__all__ = ["BATCH", "JobStore"]


class JobStore:
    """A store in a SQLite file or a PostgreSQL database. One manager settles items, anyone may read and ask.

    Every method of a repository is one short transaction, or several of which each is whole, and may be
    called from any thread. All raise `StoreUnavailable`; its `transient` says whether trying again may help.
    """

    def __init__(self, place: str | Path, *, clock: Clock | None = None) -> None:
        """Open or create the store at `place`: a path on a local disk, or a URL such as
        `postgresql+psycopg://user@host/name`."""
        self._database = database = Database(place)
        clock = clock or SystemClock()
        self.name = database.name
        self.jobs = JobRepository(database, clock)
        self.items = ItemRepository(database, clock)
        self.renewals = RenewalRepository(database, clock)
        self.deliveries = DeliveryRepository(database)
        self.states = StateMap(database)
        self.leases = LeaseRepository(database, clock)
        self.events = EventRepository(database, clock)
        self.workers = WorkerRepository(database, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self) -> None:
        """Look for damage, as a manager does before it starts. Raises `StoreUnavailable` for it."""
        self._database.check()

    def manager_lock(self) -> ManagerLock:
        """The lock that says who manages this store, not yet taken."""
        return manager_lock(self._database)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
