"""`Standing`: one service manages a store, others stand by and take over when it goes."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from giornata.cluster.service.views import Role
from giornata.jobs.errors import StoreUnavailable, Superseded
from giornata.jobs.store.lock import ManagerLock

logger = logging.getLogger(__name__)
KNOCK_S = 1.0  # between two tries for the lock


class Serving(Protocol):
    """Runs every job of a store until told to stop, or until it is not the active manager any more."""

    def serve(self, stop: Callable[[], bool], *, only_if: Callable[[], bool]) -> None: ...


class Standing:
    """Waits for the lock, manages while it holds it, and waits again when it is lost."""

    def __init__(
        self,
        lock: ManagerLock,
        manage: Callable[[], AbstractContextManager[Serving]],
        *,
        tell: Callable[[Role, str], None] = lambda role, words: None,
        knock_s: float = KNOCK_S,
    ) -> None:
        self._lock, self._manage, self._tell, self._knock_s = lock, manage, tell, knock_s
        self._role = Role.STANDBY
        self._told = False

    def role(self) -> Role:
        """What this service does now."""
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
        if not self._told:
            self._told = True
            self._tell(Role.STANDBY, f"standing by; the store is managed by {self._lock.holder()}")
        time.sleep(self._knock_s)

    def _serve(self, stop: Callable[[], bool]) -> None:
        try:
            with self._manage() as manager:
                self._role, self._told = Role.ACTIVE, False
                self._tell(Role.ACTIVE, "managing the store")
                manager.serve(stop, only_if=self._lock.is_held)
        except Superseded as error:
            logger.warning("%s", error)
        finally:
            self._role = Role.STANDBY
            self._lock.release()
