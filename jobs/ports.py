"""The interfaces the manager needs and others implement: who renders, who publishes, who watches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from giornata.jobs.claim import Claim, Published
from giornata.jobs.outcome import Outcome
from giornata.jobs.retry import Decision
from giornata.jobs.states import ItemState, JobState


class TaskRunner(Protocol):
    """Renders claims. One process or a cluster; the manager cannot tell."""

    def capacity(self) -> int:
        """How many more claims it takes now: its window less what is in flight."""

    def submit(self, claim: Claim) -> None:
        """Take one claim. It writes to `claim.temporary`, never to the target. Must not block for long."""

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Reports that have come in; waits up to `timeout_s` for the first one, and not at all when idle.

        A task whose worker died is `worker_lost` only when it is the suspect; others that were in flight on
        that worker are `cancelled`, which costs them nothing.
        """

    def cancel(self) -> None:
        """Drop everything in flight. Reports that still come are ignored."""


class Publisher(Protocol):
    """Moves finished files to their names. `workers` has one for local disks."""

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """Move `claim.temporary` to the target in one step.

        Raises `TargetTaken` when a file stands there and `claim.replace` is false, `OSError` otherwise.
        """

    def discard(self, claim: Claim) -> None:
        """Remove `claim.temporary` if it is there."""

    def size(self, target: str) -> int | None:
        """The size in bytes of a published file; nothing when it is not there."""

    def sha256(self, target: str) -> str:
        """The hash of a published file, 64 hexadecimal digits."""


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
    """Whoever wants to know. Calls come from the manager's thread and should return at once."""

    def on_job(self, snapshot: JobSnapshot) -> None:
        """The job's numbers or state have changed."""

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """One attempt has been settled."""


class Silent:
    """A `Progress` that tells nobody."""

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Nothing."""

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Nothing."""
