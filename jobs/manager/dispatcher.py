"""The claims in flight of all jobs: fills the window by priority and fair share, collects and completes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from giornata.jobs.manager.active_job import ActiveJob
from giornata.jobs.manager.timing import Timeouts
from giornata.jobs.manager.worker_health import WorkerMonitor
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.model.ports import Clock, TaskRunner
from giornata.jobs.model.states import JobState
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import LiveJob
from giornata.jobs.store.store import JobStore


@dataclass(frozen=True)
class JobShare:
    """A job that may be given items; `limit` is its `max_workers`, None means all of them."""

    job_id: str
    priority: int
    in_flight: int
    limit: int | None = None

    @property
    def headroom(self) -> int | None:
        """How many more items it may have in flight."""
        return None if self.limit is None else max(0, self.limit - self.in_flight)


def allot(shares: Sequence[JobShare], room: int) -> dict[str, int]:
    """How many of `room` places go to which job; jobs of equal priority come in the order given.

    All places go to the highest priority. Within it each place goes to the job with the fewest items in
    flight (water-filling), so that a new job catches up with an old one at once.
    """
    given: dict[str, int] = {}
    for priority in sorted({share.priority for share in shares}, reverse=True):
        peers = [share for share in shares if share.priority == priority]
        levels = {share.job_id: share.in_flight for share in peers}
        while room > 0:
            open_peers = [
                peer for peer in peers if peer.headroom is None or given.get(peer.job_id, 0) < peer.headroom
            ]
            if not open_peers:
                break
            poorest = min(open_peers, key=lambda peer: levels[peer.job_id])
            levels[poorest.job_id] += 1
            given[poorest.job_id] = given.get(poorest.job_id, 0) + 1
            room -= 1
    return given


SHORTEST_WAIT_S = 0.05


class Dispatcher:
    """The claims a manager has handed to its runner; belongs to the manager's thread."""

    def __init__(
        self,
        store: JobStore,
        runner: TaskRunner,
        publisher: Publisher,
        supervisor: WorkerMonitor,
        clock: Clock,
        pace: Timeouts,
    ) -> None:
        self._store, self._runner, self._publisher = store, runner, publisher
        self._supervisor, self._clock, self._pace = supervisor, clock, pace
        self._held: list[tuple[ActiveJob, Claim]] = []
        self.runs: dict[str, ActiveJob] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in flight."""
        return not any(run.in_flight for run in self.runs.values())

    def turn(self, live: Mapping[str, LiveJob]) -> None:
        """Fill the window, collect and settle once, or wait for what is due later."""
        self._supervisor.look()
        self._fill(live)
        self._give_up_silent()
        if self.is_empty:
            self.collect(0.0)  # workers start and end, and late reports come, while nothing is in flight
            self._wait()
        else:
            self.collect(self._pace.collect_s)

    def collect(self, timeout_s: float) -> None:
        """Wait for reports, give each to its job, and settle."""
        for outcome in self._runner.collect(timeout_s):
            self._take(outcome)
        self._settle()
        held, self._held = self._held, []
        for run, claim in held:
            self._hand_over(run, claim)

    def drop(self, run: ActiveJob) -> None:
        """Stop a job's claims in flight at their next tile, and return them to the queue."""
        self._held = [(other, claim) for other, claim in self._held if other is not run]
        self._runner.drop(tuple(run.in_flight))
        for claim in run.give_back():
            self._publisher.discard(claim)

    def close(self, run: ActiveJob) -> None:
        """Forget a job that has ended; files that its given-up attempts wrote later are removed."""
        self.runs.pop(run.job_id, None)
        for claim in run.doubtful:
            self._publisher.discard(claim)

    def abandon(self) -> None:
        """Leave everything as it is: it belongs to another manager, or to the next start."""
        self._runner.cancel()
        self._held.clear()
        self.runs.clear()

    def _wait(self) -> None:
        ready = [self._store.leases.next_ready_s(run.job_id) for run in self.runs.values()]
        wait_s = min((seconds for seconds in ready if seconds is not None), default=self._pace.idle_s)
        if wait_s > 0 or self._runner.capacity() <= 0:
            self._clock.sleep(min(max(wait_s, SHORTEST_WAIT_S), self._pace.idle_s))

    def _fill(self, live: Mapping[str, LiveJob]) -> None:
        """Claim for the jobs in the order of the queue until the window is full or nothing is ready."""
        room = min(self._runner.capacity(), self._pace.chunk)
        dry: set[str] = set()
        while room > 0:
            given = allot([share for share in self._shares(live) if share.job_id not in dry], room)
            for job_id, count in given.items():
                claims = self.runs[job_id].claim(count)
                room -= len(claims)
                if len(claims) < count:
                    dry.add(job_id)
                for claim in claims:
                    self._hand_over(self.runs[job_id], claim)
            if not dry & given.keys():
                return

    def _shares(self, live: Mapping[str, LiveJob]) -> list[JobShare]:
        now = self._clock.now()
        ready = [job for job in live.values() if job.state is JobState.RUNNING and job.not_before <= now]
        return [
            JobShare(job.job_id, job.priority, len(self.runs[job.job_id].in_flight), job.max_workers)
            for job in ready
            if job.job_id in self.runs
        ]

    def _hand_over(self, run: ActiveJob, claim: Claim) -> None:
        """Submit a claim, unless another job is making the same file: two must not write one name at once."""
        other_runs = [other for other in self.runs.values() if other is not run]
        if any(other.is_making(claim.task.item_id) for other in other_runs):
            self._held.append((run, claim))
        else:
            self._runner.submit(claim)

    def _take(self, outcome: Outcome) -> None:
        run = self.runs.get(outcome.job_id)
        if run is not None:
            run.take(outcome)

    def _settle(self) -> None:
        for run in self.runs.values():
            for claim in run.expire():
                self._publisher.discard(claim)  # of a report that got lost; one that comes late is stale
            run.settle()

    def _give_up_silent(self) -> None:
        beats = self._supervisor.beats()
        for run in self.runs.values():
            run.prolong(beats)
            for key, reason in run.silent(beats, self._pace.silence):
                self._runner.abandon(key, reason)
