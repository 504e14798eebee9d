"""Leader election: one service manages a store, others stand by and take over.

Manifests of ended jobs are written beside it.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from giornata.cluster.batch.artifacts import write_artifacts
from giornata.cluster.service.schemas.base import Role
from giornata.jobs.errors import JobError, StoreUnavailable, Superseded
from giornata.jobs.model.attempt import Claim, Outcome, one_line
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.retry import Decision
from giornata.jobs.storage.base import Publisher
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.lock import ManagerLock
from giornata.jobs.store.store import JobStore
from giornata.workers.errors import RenderError

logger = logging.getLogger(__name__)
KNOCK_S = 1.0  # between two tries for the lock


class Serving(Protocol):
    """Runs every job of a store until `stop` holds, or until it is not the active manager any more."""

    def serve(self, stop: Callable[[], bool], *, only_if: Callable[[], bool]) -> None: ...


class LeaderElection:
    """Waits for the lock, manages while it holds it, and waits again when it is lost."""

    def __init__(
        self,
        lock: ManagerLock,
        manage: Callable[[], AbstractContextManager[Serving]],
        *,
        announce: Callable[[Role, str], None] = lambda role, message: None,
        knock_s: float = KNOCK_S,
    ) -> None:
        self._lock, self._manage, self._announce, self._knock_s = lock, manage, announce, knock_s
        self._role = Role.STANDBY
        self._announced = False

    def role(self) -> Role:
        """The role of this service now."""
        return self._role

    def run(self, stop: Callable[[], bool]) -> None:
        """Stand by and manage in turns until `stop`. Raises what managing raises."""
        try:
            while not stop():
                if self._take():
                    self._serve(stop)
                else:
                    self._stand_by()
        finally:
            self._lock.release()

    def _take(self) -> bool:
        try:
            return self._lock.acquire(exclusive=True)
        except StoreUnavailable as error:
            if not error.transient:
                raise
            logger.warning("standing by: %s", error)
            return False

    def _stand_by(self) -> None:
        if not self._announced:
            self._announced = True
            self._announce(Role.STANDBY, f"standing by; the store is managed by {self._lock.holder()}")
        time.sleep(self._knock_s)

    def _serve(self, stop: Callable[[], bool]) -> None:
        try:
            with self._manage() as manager:
                self._role, self._announced = Role.ACTIVE, False
                self._announce(Role.ACTIVE, "managing the store")
                manager.serve(stop, only_if=self._lock.is_held)
        except Superseded as error:
            logger.warning("%s", error)
        finally:
            self._role = Role.STANDBY
            self._lock.release()


WRITER = "manifest"  # who did it, in the events


class Manifests:
    """A `Progress`; inside its `with` manifests are written one after the other, and all before its end."""

    def __init__(self, store: JobStore, files: Publisher | None = None) -> None:
        self._store, self._files = store, files or LocalPublisher()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="manifests")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()

    def on_job(self, snapshot: JobSnapshot) -> None:
        """A job that has ended, and rendered anything, gets its manifest."""
        if snapshot.state.is_terminal and snapshot.settled:
            self._writer.submit(self._write, snapshot.job_id)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Ignore outcomes: a manifest is written once, at the end of its job."""

    def _write(self, job_id: str) -> None:
        try:
            write_artifacts(self._store, job_id, self._files)
        except (JobError, RenderError, OSError) as error:
            self._store.events.append(
                "manifest_failed", actor=WRITER, detail=one_line(str(error)), job_id=job_id
            )
