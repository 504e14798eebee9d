"""The interfaces the manager needs and others implement: who renders, who publishes, who watches."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giornata.jobs.claim import Claim, Published
from giornata.jobs.outcome import Outcome
from giornata.jobs.retry import Decision
from giornata.jobs.states import ItemState, JobState
from giornata.jobs.storage import Storage

ClaimKey = tuple[str, int]  # item and attempt


@dataclass(frozen=True)
class WorkerView:
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

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Drop these claims: running ones stop at their next tile, and none of them reports any more."""

    def beats(self) -> Mapping[ClaimKey, float]:
        """Seconds since the last sign of progress (a tile, a step) of each claim that is running."""

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """End the worker that runs this claim; the claim is reported as `timeout` for `reason`."""

    def workers(self) -> list[WorkerView]:
        """The workers there are."""

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """Give these places no more claims, and end the idle workers of `drained` ones; others are restored.

        A place outlives its worker: `render-0` of `render-0.3`.
        """


@dataclass(frozen=True)
class Entry:
    """A file or object: its absolute name, and what tells one version of its content from the next."""

    name: str
    bytes: int
    changed_at: float
    stamp: str = ""
    version: str = ""


@dataclass(frozen=True)
class Fetched:
    """What was copied: its size, and the hash taken on the way, 64 hexadecimal digits."""

    bytes: int
    sha256: str


class Place(Protocol):
    """Where files or objects are. One on the network raises `PlaceError`, a disk `OSError`."""

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[Entry]:
        """What is below a folder, lazily and always in the same order; `depth` 1 is the folder itself.

        `hidden` adds what begins with a dot.
        """

    def head(self, name: str) -> Entry | None:
        """What is known of one of them without reading it; nothing when it is not there."""

    def heads(self, names: Sequence[str]) -> Sequence[Entry | None]:
        """The same of many, which costs less than one by one."""

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Some of its bytes. For small parts: they are held in memory."""

    def fetch(self, name: str, path: Path, *, stamp: str = "", version: str = "") -> Fetched:
        """Copy it to a local file, in bounded memory.

        Raises `PlaceChanged` when `stamp` is given and is not what is there.
        """

    def put(self, path: Path, name: str) -> None:
        """Copy a local file there, over what stands there, seen whole or not at all."""

    def delete(self, name: str) -> None:
        """Remove it, and what an interrupted upload left of it; fine when there is nothing."""

    def move_aside(self, name: str) -> str:
        """Rename it to `<name>.damaged-<n>`; its new name."""

    def uploads(self, folder: str) -> Iterator[Entry]:
        """Names below a folder whose upload was begun and never ended."""

    def abort(self, name: str) -> None:
        """End such uploads of this very name; what stands at the name stays."""


class Places(Protocol):
    """Finds the place of a name."""

    def at(self, name: str, storage: Storage = ...) -> Place:
        """The place that holds `name`. Raises `PlaceUnknown`."""


class Publisher(Protocol):
    """Moves finished files to their names. `workers` has one for local disks, and one for buckets."""

    @property
    def places(self) -> Places:
        """Where files and objects are found by their names."""

    def of(self, storage: Storage) -> "Publisher":
        """The same for a job with this storage."""

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """Move `claim.temporary` to the target in one step.

        Raises `TargetTaken` when a file stands there and `claim.replace` is false, or it is not ours;
        `OSError` or `PlaceError` otherwise.
        """

    def discard(self, claim: Claim) -> None:
        """Remove `claim.temporary` if it is there, as far as that can be done now. Raises nothing."""

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """What stands at these names, asked for all at once."""

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


class Both:
    """A `Progress` that tells two others."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._listeners = (first, second)

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.on_job(snapshot)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.on_outcome(claim, outcome, decision)
