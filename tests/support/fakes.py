"""Real small classes that stand in for slow or distant ones: a clock moved by hand, a runner, a publisher."""

import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass, Published
from giornata.jobs.model.ports import JobSnapshot, WorkerSlot
from giornata.jobs.model.retry import Decision
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.base import ObjectInfo, StoreFinder
from giornata.jobs.storage.local import LOCAL, LocalStore


class ManualClock:
    """Time that passes only when someone sleeps or moves it."""

    def __init__(self, start_s: float = 1_000_000.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        """Seconds, as set."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self._now_s += seconds


class StyleNames:
    """Knows the style names it was given, and which of them are of the universal engine."""

    def __init__(self, *names: str, universal: Collection[str] = ()) -> None:
        self._names, self._universal = names, universal
        self.revision = 1

    def names(self) -> Collection[str]:
        """The names, in the order given."""
        return self._names

    def engines(self, mix: Mapping[str, float]) -> frozenset[EngineKind]:
        """The engines of these names."""
        kinds = {EngineKind.UNIVERSAL if name in self._universal else EngineKind.FEEDFORWARD for name in mix}
        return frozenset(kinds)

    def version(self, mix: Mapping[str, float], *, encoder: str = "", is_universal: bool = False) -> str:
        """One version for ever, unless `revision` is changed."""
        return f"{self.revision} {sorted(mix)}"


def render_bytes(claim: Claim) -> bytes:
    """What the fake renders: the same for the same task, whatever the attempt."""
    return f"{claim.task.source} as {claim.task.style_label} at {claim.task.strength}".encode()


def done(claim: Claim) -> Outcome:
    """Write the attempt's file and report it."""
    data = render_bytes(claim)
    Path(claim.temporary).parent.mkdir(parents=True, exist_ok=True)
    Path(claim.temporary).write_bytes(data)
    return Outcome(
        job_id=claim.job_id,
        item_id=claim.task.item_id,
        attempt=claim.attempt,
        outcome_class=OutcomeClass.DONE,
        seconds=0.5,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        width=20,
        height=10,
        worker="w1",
    )


def ended(claim: Claim, kind: OutcomeClass, reason: str = "it went wrong", worker: str = "w1") -> Outcome:
    """A report of an attempt that delivered nothing."""
    return Outcome(
        job_id=claim.job_id,
        item_id=claim.task.item_id,
        attempt=claim.attempt,
        outcome_class=kind,
        reason=reason,
        worker=worker,
        seconds=0.1,
    )


class FakeRunner:
    """Renders claims at once, in order; `behave` decides how each ends, nothing means it never reports."""

    def __init__(
        self,
        clock: ManualClock,
        *,
        behave: Callable[[Claim], Outcome | None] = done,
        workers: int = 2,
        per_collect: int = 2,
    ) -> None:
        self._clock, self._behave = clock, behave
        self._window, self._per_collect = 2 * workers, per_collect
        self._in_flight: list[Claim] = []
        self.submitted: list[Claim] = []
        self.cancelled = 0
        self.dropped: list[ClaimKey] = []
        self.quiet_s: dict[ClaimKey, float] = {}
        self.views: list[WorkerSlot] = []
        self.aside: set[str] = set()
        self._abandoned: list[Outcome] = []

    def widen(self, window: int) -> None:
        """Take so many claims at once from now on."""
        self._window = window

    def capacity(self) -> int:
        """Window less what is in flight."""
        return self._window - len(self._in_flight)

    def submit(self, claim: Claim) -> None:
        """Remember the claim."""
        self._in_flight.append(claim)
        self.submitted.append(claim)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """End the next few claims; time moves on by `timeout_s` when none of them reports."""
        outcomes, self._abandoned = self._abandoned, []
        for claim in self._in_flight[: self._per_collect]:
            outcome = self._behave(claim)
            if outcome is not None:
                self._in_flight.remove(claim)
                outcomes.append(outcome)
        if not outcomes:
            self._clock.sleep(timeout_s)
        return outcomes

    def cancel(self) -> None:
        """Forget everything in flight."""
        self.cancelled += 1
        self._in_flight.clear()

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """Forget these."""
        self.dropped.extend(keys)
        self._in_flight = [claim for claim in self._in_flight if claim.key not in keys]

    def beats(self) -> Mapping[ClaimKey, float]:
        """What the test says."""
        return self.quiet_s

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """End it as timed out at the next collect."""
        (claim,) = (claim for claim in self._in_flight if claim.key == key)
        self._in_flight.remove(claim)
        self._abandoned.append(ended(claim, OutcomeClass.TIMEOUT, reason))

    def workers(self) -> list[WorkerSlot]:
        """What the test says."""
        return self.views

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """Remember the places."""
        self.aside = set(places)


class FolderPublisher:
    """Publishes on a local disk by hard link, which refuses to replace by itself."""

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """Give the temporary file its final name."""
        target, temporary = Path(claim.task.target), Path(claim.temporary)
        if claim.replace:
            temporary.replace(target)
        else:
            try:
                os.link(temporary, target)
            except FileExistsError as error:
                raise TargetTaken(str(target), "a file that is not ours stands there") from error
            temporary.unlink()
        return Published(self.sha256(str(target)), target.stat().st_size)

    def discard(self, claim: Claim) -> None:
        """Remove the temporary file."""
        Path(claim.temporary).unlink(missing_ok=True)

    def size(self, target: str) -> int | None:
        """Size in bytes, if there."""
        place = Path(target)
        return place.stat().st_size if place.is_file() else None

    stores: StoreFinder = LOCAL

    def of(self, storage: Storage) -> "FolderPublisher":
        """Itself: there is one kind of place."""
        return self

    def stat_many(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """What the disk says."""
        return LocalStore().stat_many(targets)

    def sha256(self, target: str) -> str:
        """Hash of the file."""
        return hashlib.sha256(Path(target).read_bytes()).hexdigest()


class RecordingStore(LocalStore):
    """The local disk, with the ranges that were read of it as (start, end)."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def read(
        self,
        name: str,
        *,
        start: int = 0,
        length: int | None = None,
        fingerprint: str = "",
        version: str = "",
    ) -> bytes:
        """Note the range and read it."""
        data = super().read(name, start=start, length=length, fingerprint=fingerprint, version=version)
        self.ranges.append((start, start + len(data)))
        return data


class Recorder:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.snapshots: list[JobSnapshot] = []
        self.decisions: list[tuple[Claim, Outcome, Decision]] = []

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Keep it."""
        self.snapshots.append(snapshot)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Keep it."""
        self.decisions.append((claim, outcome, decision))
