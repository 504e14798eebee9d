"""Health of workers: heartbeats, stalled claims, and the exclusion of workers that fail several items."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from giornata.jobs.model.attempt import NOTHING_HAPPENED, Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.ports import Clock, JobSnapshot, TaskRunner, WorkerSlot
from giornata.jobs.model.retry import Decision
from giornata.jobs.store.records import BlockKind, BlockRecord, WorkerRecord
from giornata.jobs.store.store import JobStore
from giornata.jobs.store.transitions import MANAGER
from giornata.lru_dict import LruDict

SET_ASIDE_AFTER = 3  # different items; one picture may be at fault, three hardly are
REMEMBERED = 1_000  # items whose failures are kept in mind
_TELLING = frozenset(
    {OutcomeClass.TRANSIENT_IO, OutcomeClass.TIMEOUT, OutcomeClass.BUG, OutcomeClass.WORKER_LOST}
)


def place_of(worker: str) -> str:
    """The place of a worker, which outlives the process in it: `render-0` of `render-0.3`."""
    return worker.rsplit(".", 1)[0]


class FailureTracker:
    """Failures by place and item. An item that failed in two places speaks against itself only."""

    def __init__(self) -> None:
        self._places = LruDict[tuple[str, str], set[str]](REMEMBERED)

    def note(self, job_id: str, item_id: str, worker: str, kind: OutcomeClass) -> None:
        """Take one outcome in."""
        if not worker:
            return
        key = (job_id, item_id)
        if kind in _TELLING:
            self._places.setdefault(key, set()).add(place_of(worker))

    def suspects(self) -> dict[str, int]:
        """Places that failed enough different items which failed nowhere else, with how many."""
        counts: defaultdict[str, int] = defaultdict(int)
        for places in self._places.values():
            if len(places) == 1:
                counts[next(iter(places))] += 1
        return {place: count for place, count in counts.items() if count >= SET_ASIDE_AFTER}

    def forgive(self, place: str) -> None:
        """Forget the failures of a place."""
        for key, places in self._places.items():
            if place in places:
                del self._places[key]


LOOK_S = 1.0


class WorkerMonitor:
    """Keeps the runner, the store's workers and the blocks people asked for in step; a `Progress` as well."""

    def __init__(self, store: JobStore, runner: TaskRunner, blame: FailureTracker, clock: Clock) -> None:
        self._store, self._runner, self._blame, self._clock = store, runner, blame, clock
        self._looked_at = float("-inf")
        self._beats: Mapping[ClaimKey, float] = {}
        self._failures: Counter[str] = Counter()
        self._blocked: set[str] = set()

    def look(self) -> None:
        """Compare runner, workers and blocks, unless that was done within the last second."""
        now = self._clock.now()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        self._beats = self._runner.beats()
        views = self._runner.workers()
        blocks = self._store.workers.blocks()
        self._judge(views, blocks)
        self._apply(self._store.workers.blocks() if self._blame.suspects() else blocks)
        if views:
            self._store.workers.put([self._record(view, now) for view in views])

    def leave(self) -> None:
        """Take the workers off the list: nobody looks after them any more."""
        self._store.workers.put([])

    def beats(self) -> Mapping[ClaimKey, float]:
        """Seconds since the last progress of running claims, at most a second old."""
        return self._beats

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Do nothing."""

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Count a failure against its worker and item."""
        self._blame.note(claim.job_id, claim.task.item_id, outcome.worker, outcome.outcome_class)
        if outcome.worker and outcome.outcome_class not in (OutcomeClass.DONE, *NOTHING_HAPPENED):
            self._failures[place_of(outcome.worker)] += 1

    def _judge(self, views: list[WorkerSlot], blocks: list[BlockRecord]) -> None:
        """Set aside workers that failed several different items, never the last one that works."""
        blocked = {block.worker for block in blocks}
        for place in self._blocked - blocked:
            self._blame.forgive(place)  # a person has let it back in
        able = {place_of(view.id) for view in views} - blocked
        for place, items in self._blame.suspects().items():
            if place in able and len(able) > 1:
                able.discard(place)
                reason = (
                    f"failed {items} different items that failed nowhere else ({SET_ASIDE_AFTER} allowed)"
                )
                self._store.workers.block(place, BlockKind.SET_ASIDE, reason=reason, by=MANAGER)

    def _apply(self, blocks: list[BlockRecord]) -> None:
        places = {block.worker for block in blocks}
        if places != self._blocked or places:
            drained = {block.worker for block in blocks if block.kind is BlockKind.DRAIN}
            self._runner.set_aside(places, drained=drained)
        self._blocked = places

    def _record(self, view: WorkerSlot, now: float) -> WorkerRecord:
        return WorkerRecord(
            worker=view.id,
            state=view.state,
            node=view.node,
            pid=view.pid,
            job_id=view.job_id,
            item_id=view.item_id,
            done=view.done,
            failures=self._failures[place_of(view.id)],
            seen_at=now,
        )
