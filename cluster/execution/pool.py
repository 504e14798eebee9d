"""`Pool`: a fixed number of workers that are replaced when they die, and the calls in flight on them.

Ours rather than Ray's own: Ray restarts an actor without telling whose call killed it, repeats calls unasked,
and never notices one that hangs. One thread owns a pool. What a call *means* is the caller's: nothing is
retried here.
"""

import time
from collections.abc import Callable, Collection, Hashable
from types import TracebackType
from typing import Any, Self

from giornata.cluster.errors import (
    CallTimedOut,
    NoFreeSlot,
    PoolClosed,
    PoolError,
    UnknownWorker,
    WorkerLost,
    WorkersNeverStart,
)
from giornata.cluster.execution.worker import Call, PooledWorker, Result, WorkerStatus, answered, cause, lost
from giornata.cluster.ray_runtime import actors
from giornata.cluster.ray_runtime.actors import OutcomeKind, StartActor
from giornata.jobs.manager.worker_health import place_of

SLICE_S = 1.0  # how long Ctrl-C and deadlines may have to wait for Ray to return
QUIET_S = 1.0  # how long an idle worker may be quiet before it is asked whether it is still there
STARTS_PER_SLOT = 3  # a start that fails thrice in a row fails for a reason that a fourth will meet as well


class Pool:
    """`size` workers started by `factory`, each with at most `calls_per_worker` calls in flight.

    Two calls in flight hide the way to and from the driver; more would only be lost together.
    """

    def __init__(
        self,
        factory: StartActor,
        size: int,
        *,
        calls_per_worker: int = 2,
        call_timeout_s: float = 900.0,
        start_timeout_s: float = 180.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the workers and returns at once; Ray must be up. Slots appear as the workers do."""
        self._factory = factory
        self._calls_per_worker = calls_per_worker
        self._limits_s = {"call_timeout_s": call_timeout_s, "start_timeout_s": start_timeout_s}
        self._clock = clock
        self._generations = [0] * size
        self._failed_starts = [0] * size
        self._workers: dict[str, PooledWorker] = {}
        self._broken: PoolError | None = None
        self._closed = False
        self._aside: frozenset[str] = frozenset()
        for slot in range(size):
            self._start(slot)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def workers(self) -> list[WorkerStatus]:
        """Every worker there is now. Ids read `prefix-slot.generation` and are never used twice."""
        return [worker.status() for worker in self._workers.values()]

    def in_flight(self) -> int:
        """Calls submitted and not yet collected."""
        return sum(len(worker.calls) for worker in self._workers.values())

    def held_keys(self) -> list[Hashable]:
        """The names of the calls in flight."""
        return [call.key for worker in self._workers.values() for call in worker.calls]

    def places(self) -> list[str]:
        """The places of workers, `prefix-slot`: they outlive the workers in them."""
        return [f"{self._factory.prefix}-{slot}" for slot in range(len(self._generations))]

    def set_aside(self, places: Collection[str], *, drained: Collection[str] = ()) -> None:
        """Offer no slots on these places; end idle workers of `drained` ones. All others are open again."""
        self._aside = frozenset(places)
        for worker in list(self._workers.values()):
            if worker.started and not worker.calls and place_of(worker.id) in drained:
                del self._workers[worker.id]
                actors.kill(worker.handle)
        held = {worker.slot for worker in self._workers.values()}
        for slot, place in enumerate(self.places()):
            if slot not in held and place not in drained and self._failed_starts[slot] < STARTS_PER_SLOT:
                self._start(slot)

    def ask(self, method: str, *args: Any) -> None:
        """Send every worker a control call; those that have not answered the last one are left out."""
        for worker in self._workers.values():
            worker.ask(method, args)

    def answers(self) -> dict[str, Any]:
        """Answers to `ask` that have come in, by worker."""
        replies = {worker.id: worker.answered() for worker in self._workers.values()}
        return {name: answer for name, answer in replies.items() if answer is not None}

    def note_beat(self, worker: str, quiet_s: float) -> None:
        """A worker says that its last step was `quiet_s` ago."""
        if worker in self._workers:
            self._workers[worker].beat_s = self._clock() - quiet_s

    def free_slots(self, *, worker: str | None = None, avoid_worker: str | None = None) -> int:
        """Calls that `submit` would take now with the same arguments. Raises `UnknownWorker`."""
        return sum(self._room(candidate) for candidate in self._eligible(worker, avoid_worker))

    def submit(self, call: Call, *, worker: str | None = None, avoid_worker: str | None = None) -> None:
        """Send `call` to `worker`, or to the least busy worker.

        Not to `avoid_worker`, unless there is no other.

        Raises `NoFreeSlot`, `UnknownWorker`, `PoolClosed` or `WorkersNeverStart`.
        """
        if self._closed:
            raise PoolClosed(call.key)
        if self._broken:
            raise self._broken
        pinned = worker is not None  # work that was begun here goes on here, even on a place set aside
        free = [
            candidate
            for candidate in self._eligible(worker, avoid_worker)
            if self._room(candidate, pinned=pinned)
        ]
        if not free:
            requested = worker or (f"any worker but {avoid_worker}" if avoid_worker else "any started worker")
            raise NoFreeSlot(call.key, requested, self.in_flight())
        chosen = min(free, key=lambda candidate: len(candidate.line))
        self._probe_if_quiet(chosen)
        chosen.send(call)

    def collect(self, timeout_s: float) -> list[Result]:
        """Results as they come: none only when `timeout_s` is over, a worker has started or all is idle.

        Dead and overdue workers are replaced in here. Raises `WorkersNeverStart` when no worker can be had.
        """
        until_s = self._clock() + timeout_s
        while True:
            started = self._started()
            results = self._pass(until_s)
            if results or self._started() > started:
                return results
            if self._broken:
                raise self._broken
            idle = not any(worker.line for worker in self._workers.values())
            if idle or self._clock() >= until_s:
                return []

    def warm_up(self, timeout_s: float) -> int:
        """Wait until every worker has started or `timeout_s` is over, before any call; returns how many have.

        Raises `WorkersNeverStart`.
        """
        until_s = self._clock() + timeout_s
        while self._started() < len(self._workers) and self._clock() < until_s:
            self._pass(until_s)
        if self._broken:
            raise self._broken
        return self._started()

    def replace_worker(self, worker: str, *, reason: str) -> list[Result]:
        """End `worker` and start another in its place; its calls come back as lost, none of them suspect.

        Raises `UnknownWorker`.
        """
        (chosen,) = self._eligible(worker, None)
        return self._bury(chosen, WorkerLost(worker, reason), guilty=None)

    def close(self) -> list[Hashable]:
        """End all workers; returns the keys still in flight: no failures, they go back to their queue."""
        self._closed = True
        keys = self.held_keys()
        for worker in self._workers.values():
            actors.kill(worker.handle)
        self._workers.clear()
        return keys

    def _eligible(self, worker: str | None, avoid_worker: str | None) -> list[PooledWorker]:
        if worker is not None:
            if worker not in self._workers:
                raise UnknownWorker(worker, sorted(self._workers))
            return [self._workers[worker]]
        candidates = [candidate for candidate in self._workers.values() if candidate.id != avoid_worker]
        return candidates or list(self._workers.values())

    def _room(self, worker: PooledWorker, *, pinned: bool = False) -> int:
        if not pinned and place_of(worker.id) in self._aside:
            return 0
        # A starting worker takes no calls: they would wait while others are free, or die with it unrun.
        return self._calls_per_worker - len(worker.calls) if worker.started else 0

    def _started(self) -> int:
        return sum(worker.started for worker in self._workers.values())

    def _start(self, slot: int) -> None:
        name = f"{self._factory.prefix}-{slot}.{self._generations[slot]}"
        self._generations[slot] += 1
        self._workers[name] = PooledWorker(name, slot, self._factory(name), self._clock)

    def _pass(self, until_s: float) -> list[Result]:
        """Wait once, on the heads of the lines, and take in results and timeouts."""
        for worker in self._workers.values():
            self._probe_if_quiet(worker)
        heads = [worker.line[0].reference for worker in self._workers.values() if worker.line]
        settled = actors.wait(heads, timeout_s=self._patience_s(until_s))
        results = []
        for worker in list(self._workers.values()):
            if worker.line and worker.line[0].reference in settled:
                results += self._take(worker)
            elif worker.seconds_left(**self._limits_s) <= 0:
                results += self._expire(worker)
        return results

    def _patience_s(self, until_s: float) -> float:
        deadlines = [worker.seconds_left(**self._limits_s) for worker in self._workers.values()]
        return max(0.0, min(SLICE_S, until_s - self._clock(), *deadlines))

    def _probe_if_quiet(self, worker: PooledWorker) -> None:
        # A call that meets a worker which died idle must not be taken for its killer: the probe goes first.
        if worker.quiet_for_s() >= QUIET_S:
            worker.probe()

    def _take(self, worker: PooledWorker) -> list[Result]:
        """Take in the settled head of `worker`'s line."""
        answer = actors.fetch(worker.line[0].reference)
        if answer.kind is OutcomeKind.WORKER_LOST:
            # A whole node that goes down takes its workers along, whatever they were doing.
            fell = worker.whereabouts is not None and worker.whereabouts.node_id in actors.dead_nodes()
            guilty = None if fell else worker.running
            return self._bury(worker, WorkerLost(worker.id, cause(answer)), guilty=guilty)
        sent, seconds = worker.pop()
        if sent.call is not None:
            worker.finished += 1
            return [answered(sent.call, worker, answer, seconds)]
        if answer.kind is OutcomeKind.FAILED:
            return self._bury(worker, WorkerLost(worker.id, cause(answer)), guilty=None)
        worker.whereabouts = answer.value
        self._failed_starts[worker.slot] = 0
        return []

    def _expire(self, worker: PooledWorker) -> list[Result]:
        """End a worker whose head is overdue."""
        running = worker.running
        if running is None:
            what = "a sign of life" if worker.started else "its start"
            return self._bury(worker, WorkerLost(worker.id, f"no answer to {what} in time"), guilty=None)
        limit_s = running.timeout_s or self._limits_s["call_timeout_s"]
        return self._bury(worker, CallTimedOut(running.key, worker.id, limit_s), guilty=running)

    def _bury(self, worker: PooledWorker, reason: PoolError, *, guilty: Call | None) -> list[Result]:
        """Replace `worker`; tell of every call that was in flight on it, marking the `guilty` one."""
        del self._workers[worker.id]
        actors.kill(worker.handle)  # it may be alive: hung, or cut off and still writing
        results = [lost(call, worker, reason, suspect=call is guilty) for call in worker.calls]
        if not worker.started:
            self._failed_starts[worker.slot] += 1
        if self._failed_starts[worker.slot] < STARTS_PER_SLOT:
            self._start(worker.slot)
        elif not self._workers:
            self._broken = WorkersNeverStart(STARTS_PER_SLOT, str(reason))
        return results
