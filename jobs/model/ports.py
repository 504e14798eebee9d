"""The interfaces the manager needs and others implement: who renders, who publishes, who watches."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobState


@dataclass(frozen=True)
class WorkerSlot:
    """One worker as its runner sees it; `done` counts calls since it started."""

    id: str
    state: str
    node: str = ""
    pid: int | None = None
    job_id: str = ""
    item_id: str = ""
    done: int = 0


class TaskRunner(Protocol):
    """Renders claims. One process or a cluster; the manager cannot tell."""

    def capacity(self) -> int:
        """How many more claims it takes now: its window less the claims in flight."""

    def submit(self, claim: Claim) -> None:
        """Take one claim. It writes to `claim.temporary`, never to the target. Must not block for long."""

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Reports that have come in; waits up to `timeout_s` for the first one, and not at all when idle.

        A task whose worker died is `worker_lost` only when it is the suspect; others that were in flight on
        that worker are `cancelled`, which costs them nothing.
        """

    def cancel(self) -> None:
        """Drop everything in flight. Reports that still come are ignored."""

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Drop these claims: running ones stop at their next tile, and none of them reports any more."""

    def beats(self) -> Mapping[ClaimKey, float]:
        """Seconds since the last sign of progress (a tile, a step) of each claim that is running."""

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """End the worker that runs this claim; the claim is reported as `timeout` for `reason`."""

    def workers(self) -> list[WorkerSlot]:
        """The current workers."""

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """Give these places no more claims, and end the idle workers of `drained` ones; others are restored.

        A place outlives its worker: `render-0` of `render-0.3`.
        """


class Clock(Protocol):
    """Time as the manager and the store see it."""

    def now(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True)
class JobSnapshot:
    """How far a job is. `pixels_done` and `busy_s` sum over items delivered so far, in any run."""

    job_id: str
    name: str
    state: JobState
    counts: Mapping[ItemState, int]
    pixels_done: int
    busy_s: float
    stale_reports: int

    @property
    def total(self) -> int:
        """Number of items."""
        return sum(self.counts.values())

    @property
    def settled(self) -> int:
        """Number of items nothing more will happen to."""
        return sum(count for state, count in self.counts.items() if state.is_terminal)

    @property
    def lost(self) -> int:
        """Number of items that failed or were quarantined."""
        return sum(count for state, count in self.counts.items() if state.is_lost)


class Progress(Protocol):
    """A listener to the progress of jobs. Calls come from the manager's thread and should return at once."""

    def on_job(self, snapshot: JobSnapshot) -> None:
        """The job's numbers or state have changed."""

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """One attempt has been settled."""


class Silent:
    """A `Progress` that tells nobody."""

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Do nothing."""

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Do nothing."""


class Both:
    """A `Progress` that tells two others."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._listeners = (first, second)

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Pass the snapshot on."""
        for listener in self._listeners:
            listener.on_job(snapshot)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Pass the outcome on."""
        for listener in self._listeners:
            listener.on_outcome(claim, outcome, decision)
