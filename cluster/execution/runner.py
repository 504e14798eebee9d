"""`PoolRunner`: the manager's `TaskRunner` on a pool of render actors.

Large pictures stand in line and go to all workers one at a time (`RenderQueue`).
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence

from giornata.cluster.errors import NoFreeSlot, UnknownWorker
from giornata.cluster.execution.distributed_render import (
    CallKey,
    DistributedRenderStart,
    DistributedWork,
    PendingCall,
    Step,
)
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.worker import Call, Result, WorkerStatus, ended
from giornata.cluster.ray_runtime.actors import OutcomeKind
from giornata.jobs.manager.worker_health import place_of
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.ports import WorkerSlot
from giornata.workers.rendering import outcomes as report

LOSSES_PER_SPREAD = 4  # a large picture uses every worker, so it may lose a few before it is the suspect


class RenderQueue:
    """The line of spread pictures and the next calls of the first; makes no call itself."""

    def __init__(self) -> None:
        self._line: deque[DistributedWork] = deque()
        self._losses: Counter[ClaimKey] = Counter()

    def __bool__(self) -> bool:
        return bool(self._line)

    def begin(
        self, claim: Claim, spreading: DistributedRenderStart, workers: Sequence[str]
    ) -> list[PendingCall]:
        """Put a decoded picture in line; the calls it wants now."""
        self._line.append(spreading.led(claim, workers, time.monotonic() - spreading.seconds))
        return self._line[0].begin() if len(self._line) == 1 else []

    def take(self, key: CallKey, result: Result) -> tuple[list[PendingCall], Outcome | None]:
        """Record a result: the calls it makes possible, and the report when it ends its picture."""
        spread = self._line[0] if self._line else None
        if spread is None or spread.claim.key != key.claim_key:
            return [], None  # of a picture that has been given up
        if result.kind is OutcomeKind.OK and key.step is Step.DELIVER:
            seconds = time.monotonic() - spread.started_s
            done = result.value.model_copy(update={"worker": result.worker, "seconds": seconds})
            return self._end(), done
        if result.kind is OutcomeKind.OK:
            spread.settle_holder(key, result.worker)
            return spread.take(key, result.value), None
        self._losses[key.claim_key] += result.suspect
        if result.kind is OutcomeKind.WORKER_LOST and self._losses[key.claim_key] < LOSSES_PER_SPREAD:
            return spread.again(key), None
        return self._end(), ended(spread.claim, result)

    def drop(self, keys: Collection[ClaimKey]) -> list[PendingCall]:
        """Give these pictures up; the calls of the one that comes to the front."""
        front = self._line[0] if self._line else None
        for spread in [work for work in self._line if work.claim.key in keys]:
            self._line.remove(spread)
            self._losses.pop(spread.claim.key, None)
            spread.clear()
        return self._line[0].begin() if self._line and self._line[0] is not front else []

    def clear(self) -> None:
        """Give all of them up."""
        for spread in self._line:
            spread.clear()
        self._line.clear()
        self._losses.clear()

    def _end(self) -> list[PendingCall]:
        return self.drop([self._line[0].claim.key])


NOBODY = ClaimKey("", "", 0)


class PoolRunner:
    """Implements `jobs.ports.TaskRunner`; belongs to the manager's thread.

    One large picture is spread at a time; others wait decoded on scratch, and small pictures fill the slots
    it leaves. `discard` removes the file of a claim that was dropped but had been finished already.
    """

    def __init__(self, pool: Pool, *, discard: Callable[[Claim], None]) -> None:
        self.pool = pool
        self._discard = discard
        self._claims: dict[ClaimKey, Claim] = {}
        self._dropped: dict[ClaimKey, Claim] = {}
        self._waiting: deque[PendingCall] = deque()
        self._spreads = RenderQueue()
        self._ready: list[Outcome] = []
        self._aside: frozenset[str] = frozenset()

    def capacity(self) -> int:
        """See `TaskRunner.capacity`."""
        return 0 if self._spreads else max(0, self.pool.free_slots() - len(self._waiting))

    def submit(self, claim: Claim) -> None:
        """See `TaskRunner.submit`."""
        self._claims[claim.key] = claim
        self._dropped.pop(claim.key, None)
        call = Call(claim.key, "render", (claim,), claim.task.timeout_s)
        try:
            self.pool.submit(call, avoid_worker=claim.avoid_worker or None)
        except NoFreeSlot:
            self._waiting.append(PendingCall(call))

    def collect(self, timeout_s: float) -> list[Outcome]:
        """See `TaskRunner.collect`."""
        self._flush()
        for result in self.pool.collect(0.0 if self._ready else timeout_s):
            self._take(result)
        self._flush()
        outcomes, self._ready = self._ready, []
        return outcomes

    def cancel(self) -> None:
        """See `TaskRunner.cancel`; the workers are replaced, since a running call cannot be stopped."""
        self._waiting.clear()
        self._spreads.clear()
        self._claims.clear()
        self._dropped.clear()
        self._ready.clear()
        for worker in self.pool.workers():
            if worker.in_flight:
                self.pool.replace_worker(worker.id, reason="cancelled")

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """See `TaskRunner.drop`."""
        dropped_keys = set(keys)
        for key in dropped_keys & self._claims.keys():
            self._dropped[key] = self._claims.pop(key)
        self._waiting = deque(
            pending for pending in self._waiting if _owner(pending.call.key) not in dropped_keys
        )
        self._waiting.extend(self._spreads.drop(dropped_keys))
        self._ready = [outcome for outcome in self._ready if outcome.key not in dropped_keys]
        self._ask()

    def beats(self) -> Mapping[ClaimKey, float]:
        """See `TaskRunner.beats`; a picture on several workers is as quiet as the quietest of them."""
        for name, beat in self.pool.answers().items():
            self.pool.note_beat(name, beat.quiet_s)
        self._ask()
        quiet_s: defaultdict[ClaimKey, float] = defaultdict(float)
        for worker in self._running():
            key = _owner(worker.running)
            quiet_s[key] = max(quiet_s[key], worker.quiet_s)
        return quiet_s

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """See `TaskRunner.abandon`."""
        at_it = [worker for worker in self._running() if _owner(worker.running) == key]
        if not at_it:
            return
        stuck = max(at_it, key=lambda worker: worker.quiet_s)
        for result in self.pool.replace_worker(stuck.id, reason=reason):
            claim = self._claims.get(key)
            if result.key == key and claim:
                del self._claims[key]
                late = report.ended(claim, OutcomeClass.TIMEOUT, reason, worker=stuck.id)
                self._ready.append(late)
            else:
                self._take(result)

    def workers(self) -> list[WorkerSlot]:
        """See `TaskRunner.workers`."""
        return [self._view(worker) for worker in self.pool.workers()]

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """See `TaskRunner.set_aside`."""
        self._aside = frozenset(places)
        self.pool.set_aside(places, drained=drained)

    def _take(self, result: Result) -> None:
        if isinstance(result.key, CallKey):
            calls, outcome = self._spreads.take(result.key, result)
            self._follow(result.key.claim_key, calls, outcome)
            return
        key: ClaimKey = result.key  # type: ignore[assignment]  # all other calls are named by their claim
        claim = self._claims.get(key)
        if claim is None:
            if isinstance(result.value, DistributedRenderStart):
                result.value.clear()  # of a picture that was dropped while it was decoded
        elif isinstance(result.value, DistributedRenderStart):
            able = [worker.id for worker in self.pool.workers() if place_of(worker.id) not in self._aside]
            self._waiting.extend(self._spreads.begin(claim, result.value, able or [result.worker]))
        elif result.kind is OutcomeKind.OK:
            self._report(claim, result.value.model_copy(update={"worker": result.worker}))
        else:
            self._report(claim, ended(claim, result))

    def _follow(self, key: ClaimKey, calls: list[PendingCall], outcome: Outcome | None) -> None:
        if outcome is not None:
            self._waiting = deque(pending for pending in self._waiting if _owner(pending.call.key) != key)
            if key in self._claims:
                self._report(self._claims[key], outcome)
        self._waiting.extend(calls)

    def _report(self, claim: Claim, outcome: Outcome) -> None:
        del self._claims[claim.key]
        self._ready.append(outcome)

    def _ask(self) -> None:
        """Ask every worker for a beat, and tell it what was dropped: again and again, until that is gone."""
        held = {_owner(key) for key in self.pool.held_keys()}
        for key in self._dropped.keys() - held:
            self._discard(self._dropped.pop(key))
        self.pool.ask("control", tuple(self._dropped))

    def _running(self) -> list[WorkerStatus]:
        return [worker for worker in self.pool.workers() if worker.running is not None]

    def _view(self, worker: WorkerStatus) -> WorkerSlot:
        key = _owner(worker.running)
        claim = self._claims.get(key)
        return WorkerSlot(
            id=worker.id,
            state=worker.state.value,
            node=worker.node_id or "",
            pid=worker.pid,
            job_id=claim.job_id if claim else "",
            item_id=claim.task.item_id if claim else "",
            done=worker.finished,
        )

    def _flush(self) -> None:
        """Send what waits, as far as its workers have room."""
        for _ in range(len(self._waiting)):
            pending = self._waiting.popleft()
            try:
                self.pool.submit(pending.call, worker=pending.worker)
            except NoFreeSlot:
                self._waiting.append(pending)
            except UnknownWorker:  # its worker was replaced: any other will replay the tiles
                self._waiting.append(PendingCall(pending.call))


def _owner(key: object) -> ClaimKey:
    """The claim that a call is about."""
    if isinstance(key, CallKey):
        return key.claim_key
    return key if isinstance(key, ClaimKey) else NOBODY
