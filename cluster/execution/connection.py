"""`WatchedCluster`: Ray and a pool on it, with a look from outside at whether Ray is still there."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from giornata.cluster.errors import ClusterUnreachable
from giornata.cluster.execution.pool import Pool
from giornata.cluster.ray_runtime import actors
from giornata.cluster.ray_runtime.actors import StartActor
from giornata.cluster.ray_runtime.runtime import Runtime, knock
from giornata.cluster.settings import ClusterSettings

KNOCK_S = 1.0
MISSED_KNOCKS = 5  # a head that restarts with its state kept is back sooner


class WatchedCluster:
    """Implements `revival.Cluster`. Standard output is guarded by the caller, once."""

    def __init__(self, settings: ClusterSettings, factory: StartActor) -> None:
        self._settings, self._factory = settings, factory
        self._address: str | None = None
        self._missed = 0

    def up(self, undo: ExitStack) -> Pool:
        """Start or join Ray and start a pool; see `revival.Cluster.up`."""
        settings = self._settings
        with kept_signals():
            undo.enter_context(Runtime(settings, guard_stdout=False))
        self._missed = 0
        self._address = actors.head_address() if settings.address else None
        pool = Pool(
            self._factory,
            settings.workers,
            call_timeout_s=settings.call_timeout_s,
            start_timeout_s=settings.start_timeout_s,
        )
        # Workers of a lost cluster are gone with it, and Ray would wait for an answer.
        undo.callback(lambda: None if self.is_lost() else pool.close())
        return pool

    def is_lost(self) -> bool:
        """Whether Ray's own processes here have ended, or its head elsewhere has not answered for long."""
        if actors.core_has_died():
            return True
        if self._address is None:
            return False
        try:
            knock(self._address, timeout_s=KNOCK_S)
            self._missed = 0
        except ClusterUnreachable:
            self._missed += 1
        return self._missed >= MISSED_KNOCKS


@contextmanager
def kept_signals() -> Iterator[None]:
    """Ray takes SIGTERM over whenever it starts; afterwards the handlers are what they were."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
