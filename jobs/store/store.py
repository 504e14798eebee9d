"""`JobStore`: the truth about jobs and items in one place, put together from its parts."""

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

    Every method is one short transaction, or several of which each is whole, and may be called from any
    thread. All raise `StoreUnavailable`, whose `transient` says whether trying again may help. The words for
    each method are at the part it comes from.
    """

    def __init__(self, place: str | Path, *, clock: Clock | None = None) -> None:
        """Open or create the store at `place`: a path on a local disk, or a URL such as
        `postgresql+psycopg://user@host/name`."""
        self._database = database = Database(place)
        clock = clock or SystemClock()
        self.name = database.name

        jobs = JobRepository(database, clock)
        self.create_job, self.find_job, self.by_token = jobs.create_job, jobs.find_job, jobs.by_token
        self.job, self.snapshot = jobs.job, jobs.snapshot
        self.jobs, self.job_ids, self.live_jobs = jobs.jobs, jobs.job_ids, jobs.live_jobs
        self.move_job, self.set_job = jobs.move_job, jobs.set_job
        self.mark_listed, self.begin_listing = jobs.mark_listed, jobs.begin_listing
        self.close_canary = jobs.close_canary

        items = ItemRepository(database, clock)
        self.insert_items, self.items, self.page = items.insert_items, items.items, items.page
        self.item, self.task, self.attempts = items.item, items.task, items.attempts
        self.failures, self.lost_by_class = items.failures, items.lost_by_class
        self.reopen, self.skip_items, self.cancel_items = items.reopen, items.skip_items, items.cancel_items
        self.move_item = items.move_item

        deliveries = DeliveryRepository(database)
        self.delivery, self.owns, self.put_at = deliveries.delivery, deliveries.owns, deliveries.put_at

        states = StateMap(database)
        self.runs, self.states_at, self.highest = states.runs, states.states_at, states.highest

        renewals = RenewalRepository(database, clock)
        self.known_keys, self.renew_item = renewals.known_keys, renewals.renew_item

        attempts = LeaseRepository(database, clock)
        self.raise_epoch, self.claim, self.give_back = (
            attempts.raise_epoch,
            attempts.claim,
            attempts.give_back,
        )
        self.prepare, self.finish = attempts.prepare, attempts.finish
        self.intents, self.adopt, self.next_ready_s = attempts.intents, attempts.adopt, attempts.next_ready_s

        events = EventRepository(database, clock)
        self.events, self.last_events, self.note = events.events, events.last_events, events.note
        self.setting, self.put_setting = events.setting, events.put_setting
        self.add_notices, self.due_notices = events.add_notices, events.due_notices
        self.settle_notice = events.settle_notice

        workers = WorkerRepository(database, clock)
        self.put_workers, self.workers = workers.put_workers, workers.workers
        self.block, self.unblock, self.blocks = workers.block, workers.unblock, workers.blocks

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
