"""`PoolRunner`: the manager's runner on a pool of render actors; large pictures go to all of them."""

import time
from collections import deque

from giornata.cluster.actors import OutcomeKind
from giornata.cluster.errors import NoFreeSlot, UnknownWorker
from giornata.cluster.pool import Pool, Result
from giornata.cluster.render_actor import Spreading
from giornata.cluster.spread import Spread, SpreadKey, Step, Wanted
from giornata.cluster.worker import Call
from giornata.jobs.claim import Claim
from giornata.jobs.outcome import Outcome, OutcomeClass
from giornata.workers import report

LOSSES_PER_SPREAD = 4  # a large picture uses every worker, so it may lose a few before it is the suspect


class PoolRunner:
    """Implements `jobs.ports.TaskRunner`; belongs to the manager's thread.

    One large picture is spread at a time; others wait decoded on scratch, and small pictures fill the slots
    it leaves.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._claims: dict[tuple[str, int], Claim] = {}
        self._waiting: deque[Wanted] = deque()
        self._spreads: deque[Spread] = deque()
        self._losses: dict[tuple[str, int], int] = {}

    def capacity(self) -> int:
        """See `TaskRunner.capacity`."""
        if self._spreads:
            return 0
        return max(0, self.pool.free_slots() - len(self._waiting))

    def submit(self, claim: Claim) -> None:
        """See `TaskRunner.submit`."""
        self._claims[claim.key] = claim
        avoid = claim.avoid_worker or None
        call = Call(claim.key, "render", (claim,), claim.task.timeout_s)
        try:
            self.pool.submit(call, avoid_worker=avoid)
        except NoFreeSlot:
            self._waiting.append(Wanted(call))

    def collect(self, timeout_s: float) -> list[Outcome]:
        """See `TaskRunner.collect`."""
        self._flush()
        outcomes: list[Outcome] = []
        for result in self.pool.collect(timeout_s):
            outcomes += self._taken(result)
        self._flush()
        return outcomes

    def cancel(self) -> None:
        """See `TaskRunner.cancel`; the workers are replaced, since a running call cannot be stopped."""
        self._waiting.clear()
        for spread in self._spreads:
            spread.clear()
        self._spreads.clear()
        self._claims.clear()
        for worker in self.pool.workers():
            if worker.in_flight:
                self.pool.replace_worker(worker.id, reason="cancelled")

    def _taken(self, result: Result) -> list[Outcome]:
        if isinstance(result.key, SpreadKey):
            return self._spread_result(result.key, result)
        claim = next((claim for key, claim in self._claims.items() if key == result.key), None)
        if claim is None:
            return []
        if isinstance(result.value, Spreading):
            self._begin_spread(claim, result.value)
            return []
        del self._claims[claim.key]
        if result.kind is OutcomeKind.OK:
            return [result.value.model_copy(update={"worker": result.worker})]
        return [_ended(claim, result)]

    def _begin_spread(self, claim: Claim, spreading: Spreading) -> None:
        workers = [worker.id for worker in self.pool.workers()]
        self._spreads.append(Spread(claim, spreading, workers, time.monotonic()))
        if len(self._spreads) == 1:
            self._waiting.extend(self._spreads[0].begin())

    def _spread_result(self, key: SpreadKey, result: Result) -> list[Outcome]:
        spread = self._spreads[0] if self._spreads else None
        if spread is None or spread.claim.key != key.claim_key:
            return []  # of a picture that has been given up
        if result.kind is OutcomeKind.OK and key.step is Step.DELIVER:
            seconds = time.monotonic() - spread.started_s
            done = result.value.model_copy(update={"worker": result.worker, "seconds": seconds})
            return [self._end_spread(spread, done)]
        if result.kind is OutcomeKind.OK:
            spread.settle_holder(key, result.worker)
            self._waiting.extend(spread.take(key, result.value))
            return []
        losses = self._losses[key.claim_key] = self._losses.get(key.claim_key, 0) + result.suspect
        if result.kind is OutcomeKind.WORKER_LOST and losses < LOSSES_PER_SPREAD:
            self._waiting.append(spread.again(key))
            return []
        return [self._end_spread(spread, _ended(spread.claim, result))]

    def _end_spread(self, spread: Spread, outcome: Outcome) -> Outcome:
        self._spreads.popleft()
        self._claims.pop(spread.claim.key, None)
        self._losses.pop(spread.claim.key, None)
        self._waiting = deque(w for w in self._waiting if not _belongs(w, spread))
        spread.clear()
        if self._spreads:
            self._waiting.extend(self._spreads[0].begin())
        return outcome

    def _flush(self) -> None:
        """Send what waits, as far as its workers have room."""
        for _ in range(len(self._waiting)):
            wanted = self._waiting.popleft()
            try:
                self.pool.submit(wanted.call, worker=wanted.worker)
            except NoFreeSlot:
                self._waiting.append(wanted)
            except UnknownWorker:  # its worker was replaced: any other will replay the tiles
                self._waiting.append(Wanted(wanted.call))


def _belongs(wanted: Wanted, spread: Spread) -> bool:
    key = wanted.call.key
    return isinstance(key, SpreadKey) and key.claim_key == spread.claim.key


def _ended(claim: Claim, result: Result) -> Outcome:
    """The report of a call that did not come back with a value."""
    worker, seconds = result.worker, result.seconds
    error = result.error or RuntimeError("no answer")
    if result.kind is OutcomeKind.TIMEOUT:
        return report.ended(claim, OutcomeClass.TIMEOUT, str(error), seconds=seconds, worker=worker)
    if result.kind is OutcomeKind.WORKER_LOST:
        kind = OutcomeClass.WORKER_LOST if result.suspect else OutcomeClass.CANCELLED
        return report.ended(claim, kind, str(error), seconds=seconds, worker=worker)
    return report.failed(claim, error, seconds=seconds, worker=worker)
