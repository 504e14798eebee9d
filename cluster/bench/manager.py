"""The manager by itself: a million items listed, claimed, published and settled, with no work in them."""

import hashlib
import resource
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass, Published
from giornata.jobs.model.ports import WorkerSlot
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.base import ObjectInfo, StoreFinder
from giornata.jobs.storage.local import LOCAL
from giornata.jobs.store.store import JobStore

WINDOW = 512  # claims in flight, as on 256 workers
EMPTY = hashlib.sha256(b"").hexdigest()
PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True)
class ManagerRow:
    """One phase: how many items went through it, how fast, and the most memory the process had, in MB."""

    phase: str
    items: int
    seconds: float
    items_per_s: float
    peak_rss_mb: float


@dataclass(frozen=True)
class ManagerResult:
    """The rows, the growth of memory after a job of a tenth of the items, and the size of the database."""

    rows: tuple[ManagerRow, ...]
    rss_growth_mb: float
    database_mb: float


class NoWork:
    """A `TaskRunner` whose claims are done as soon as they are submitted, and write nothing."""

    def __init__(self) -> None:
        self._in_flight: deque[Claim] = deque()

    def capacity(self) -> int:
        """See `TaskRunner.capacity`."""
        return WINDOW - len(self._in_flight)

    def submit(self, claim: Claim) -> None:
        """See `TaskRunner.submit`."""
        self._in_flight.append(claim)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """See `TaskRunner.collect`."""
        done = [_done(claim) for claim in self._in_flight]
        self._in_flight.clear()
        return done

    def cancel(self) -> None:
        """See `TaskRunner.cancel`."""
        self._in_flight.clear()

    def drop(self, keys: Collection[ClaimKey]) -> None:
        """See `TaskRunner.drop`."""
        self._in_flight = deque(claim for claim in self._in_flight if claim.key not in keys)

    def beats(self) -> Mapping[ClaimKey, float]:
        """See `TaskRunner.beats`."""
        return {}

    def abandon(self, key: ClaimKey, reason: str) -> None:
        """See `TaskRunner.abandon`."""

    def workers(self) -> list[WorkerSlot]:
        """See `TaskRunner.workers`."""
        return []

    def set_aside(self, places: Collection[str], *, drained: Collection[str]) -> None:
        """See `TaskRunner.set_aside`."""


class NoFiles:
    """A `Publisher` of files that nobody wrote."""

    stores: StoreFinder = LOCAL

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`."""
        return Published(EMPTY, 0)

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`."""

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        return None

    def of(self, storage: Storage) -> "NoFiles":
        """See `Publisher.of`."""
        return self

    def stat_many(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """See `Publisher.stat_many`."""
        return [None] * len(targets)

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`."""
        return EMPTY


class OneStyle:
    """A `StyleCatalog` that knows one style."""

    def names(self) -> Collection[str]:
        """See `StyleCatalog.names`."""
        return ("none",)

    def engines(self, mix: Mapping[str, float]) -> frozenset[EngineKind]:
        """See `StyleCatalog.engines`."""
        return frozenset({EngineKind.FEEDFORWARD})

    def version(self, mix: Mapping[str, float], *, encoder: str = "", is_universal: bool = False) -> str:
        """See `StyleCatalog.version`."""
        return "1"


class MemoryWatch:
    """Samples this process's memory every second: the peak since it was entered, in MB."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.first_mb = self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self.first_mb = rss_mb()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        """Take one sample."""
        self.peak_mb = max(self.peak_mb, rss_mb())

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            self.look()


def measure(folder: Path, items: int, *, database: str = "") -> ManagerResult:
    """Submit and run one job of `items` items in `folder`, after one of a tenth of them.

    The smaller job has every module loaded and every cache filled before memory is measured: what the larger
    one adds is what items cost.
    """
    with JobStore(database or folder / "jobs.sqlite") as store:
        manager = JobManager(store, NoWork(), NoFiles(), OneStyle())
        with MemoryWatch() as watch:
            _run(manager, store, folder, max(1, items // 10), watch)
        with MemoryWatch() as watch:
            listing, running = _run(manager, store, folder, items, watch)
    return ManagerResult((listing, running), watch.peak_mb - watch.first_mb, database_mb(folder))


def write_manifest(path: Path, items: int) -> None:
    """Write a manifest of pictures that do not exist."""
    with path.open("w", encoding="utf-8") as file:
        file.write("path\n")
        file.writelines(f"scans/{number // 1000:04}/{number:07}.png\n" for number in range(items))


def rss_mb() -> float:
    """Resident memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_BYTES / 1e6


def database_mb(folder: Path) -> float:
    """Size of the database's files in `folder`, in MB; 0 for one on a server."""
    return sum(path.stat().st_size for path in folder.glob("jobs.sqlite*")) / 1e6


def _run(
    manager: JobManager, store: JobStore, folder: Path, items: int, watch: MemoryWatch
) -> tuple[ManagerRow, ManagerRow]:
    """One job from its spec to its end."""
    write_manifest(folder / f"inputs-{items}.csv", items)
    spec = {
        "name": "bench",
        "inputs": [{"manifest": f"inputs-{items}.csv"}],
        "styles": ["none"],
        "outputs": [{"format": "png"}],
        "destination": f"out-{items}",
    }
    started = time.perf_counter()
    job_id = manager.submit(parse_spec(spec, origin="bench"), base=folder).job_id
    listed = time.perf_counter()
    listing = _row("list", items, listed - started, watch)
    state = manager.run_until_done(job_id)
    running = _row("run", items, time.perf_counter() - listed, watch)
    done = store.jobs.snapshot(job_id).counts[ItemState.DONE]
    if state is not JobState.COMPLETED or done != items:
        raise RuntimeError(f"the job ended {state} with {done} of {items} items done")
    return listing, running


def _row(phase: str, items: int, seconds: float, watch: MemoryWatch) -> ManagerRow:
    watch.look()
    return ManagerRow(phase, items, seconds, items / seconds, watch.peak_mb)


def _done(claim: Claim) -> Outcome:
    return Outcome(
        job_id=claim.job_id,
        item_id=claim.task.item_id,
        attempt=claim.attempt,
        outcome_class=OutcomeClass.DONE,
        sha256=EMPTY,
        bytes=0,
        width=1,
        height=1,
        seconds=0.001,
        worker="none",
    )
