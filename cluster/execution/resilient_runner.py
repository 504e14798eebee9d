"""`ResilientRunner`: a runner that outlives its Ray: claims come back, and Ray is started again.

A driver survives the death of the raylet, of the head, and of both; measured with Ray 2.60, it can then shut
its part down and start or join another in the same process. What it cannot do is notice: calls to a dead head
wait for minutes. So the head is watched from outside.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from typing import Protocol, TypeVar

from giornata.cluster.errors import ClusterError
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.runner import PoolRunner
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.ports import WorkerSlot
from giornata.workers.rendering import outcomes as report

T = TypeVar("T")
LOOK_S = 1.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0


class Cluster(Protocol):
    """A Ray that can be up or down."""

    def up(self, undo: ExitStack) -> Pool:
        """Start or join Ray and a pool on it; what ends them goes to `undo`. Raises `ClusterError`."""

    def is_lost(self) -> bool:
        """Whether Ray has gone down. Must not wait on Ray."""


class ResilientRunner:
    """Implements `jobs.ports.TaskRunner` on a cluster that may go down and come back."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        discard: Callable[[Claim], None],
        note: Callable[[str, str], None],
        patience_s: float = 600.0,
    ) -> None:
        """Starts the cluster. `note` is told what happened and why. Raises `ClusterError`."""
        self._cluster, self._discard, self._note = cluster, discard, note
        self._patience_s = patience_s
        self._claims: dict[ClaimKey, Claim] = {}
        self._aside: tuple[Collection[str], Collection[str]] = ((), ())
        self._looked_s = self._lost_s = self._again_s = 0.0
        self._wait_s = FIRST_WAIT_S
        self._undo = ExitStack()
        self._inner: PoolRunner | None = None
        self._start()

    def warm_up(self, timeout_s: float) -> None:
        """Wait until every worker has started, or for `timeout_s`. Raises `WorkersNeverStart`."""
        self._on(lambda inner: inner.pool.warm_up(timeout_s), 0)

    def close(self) -> None:
        """End the pool and our part of Ray."""
        self._inner = None
        self._undo.close()

    def capacity(self) -> int:
        """See `TaskRunner.capacity`; 0 while the cluster is down."""
        return self._on(lambda inner: inner.capacity(), 0)

    def submit(self, claim: Claim) -> None:
        """See `TaskRunner.submit`."""
        self._claims[claim.key] = claim
        self._on(lambda inner: inner.submit(claim), None)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """See `TaskRunner.collect`; what a lost cluster had in flight is `cancelled`, which costs nothing."""
        self._look()
        none: list[Outcome] = []
        outcomes = self._on(lambda inner: inner.collect(timeout_s), none)
        for outcome in outcomes:
            self._claims.pop(outcome.key, None)
        if self._inner is None:
            outcomes += [_returned(claim) for claim in self._claims.values()]
            self._claims.clear()
            if not outcomes:
                self._try_again(timeout_s)
        return outcomes

    def cancel(self) -> None:
        """See `TaskRunner.cancel`."""
        self._claims.clear()
        self._on(lambda inner: inner.cancel(), None)

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """See `TaskRunner.drop`."""
        for key in keys:
            self._claims.pop(key, None)
        self._on(lambda inner: inner.drop(keys), None)

    def beats(self) -> Mapping[ClaimKey, float]:
        """See `TaskRunner.beats`."""
        return self._on(lambda inner: inner.beats(), {})

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """See `TaskRunner.abandon`."""
        self._on(lambda inner: inner.abandon(key, reason), None)

    def workers(self) -> list[WorkerSlot]:
        """See `TaskRunner.workers`."""
        return self._on(lambda inner: inner.workers(), [])

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """See `TaskRunner.set_aside`; a cluster that comes back is told again."""
        self._aside = (places, drained)
        self._on(lambda inner: inner.set_aside(places, drained=drained), None)

    def _on(self, act: Callable[[PoolRunner], T], otherwise: T) -> T:
        """Ask the runner inside; without one, or when its cluster turns out to be lost, `otherwise`."""
        if self._inner is None:
            return otherwise
        try:
            return act(self._inner)
        except Exception as error:
            if not self._cluster.is_lost():
                raise
            self._lose(str(error))
            return otherwise

    def _look(self) -> None:
        now = time.monotonic()
        if self._inner is not None and now - self._looked_s >= LOOK_S:
            self._looked_s = now
            if self._cluster.is_lost():
                self._lose("its processes have ended, or nothing listens at its address")

    def _lose(self, why: str) -> None:
        self._note("cluster_lost", why)
        self._lost_s = time.monotonic()
        self._wait_s = FIRST_WAIT_S
        self.close()

    def _try_again(self, timeout_s: float) -> None:
        """Start once more, if it is time to; waits a moment otherwise."""
        now = time.monotonic()
        if now < self._again_s:
            time.sleep(min(timeout_s, self._again_s - now))
            return
        try:
            self._start()
        except ClusterError as error:
            if now - self._lost_s > self._patience_s:
                raise
            self._note("cluster_unreachable", str(error))
            self._again_s = time.monotonic() + self._wait_s
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            return
        self._note("cluster_back", f"after {time.monotonic() - self._lost_s:.0f} s")

    def _start(self) -> None:
        with ExitStack() as undo:
            inner = PoolRunner(self._cluster.up(undo), discard=self._discard)
            inner.set_aside(self._aside[0], drained=self._aside[1])
            self._undo = undo.pop_all()
        self._inner = inner


def _returned(claim: Claim) -> Outcome:
    return report.ended(claim, OutcomeClass.CANCELLED, "the cluster it ran on went down")
