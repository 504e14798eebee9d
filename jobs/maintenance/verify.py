"""`verify`: reads every delivered file again and compares it with its record; damaged ones are made again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from giornata.jobs.errors import StorageError
from giornata.jobs.maintenance.orphans import pictures_of_nobody
from giornata.jobs.model.paths import base_name
from giornata.jobs.model.states import ItemState, JobEvent
from giornata.jobs.storage.base import ObjectStore, Publisher
from giornata.jobs.store.records import Delivery, ItemRecord, destination_of
from giornata.jobs.store.store import JobStore

CLAIMS_A_FILE = (ItemState.DONE, ItemState.SKIPPED)


class FileState(StrEnum):
    """The state of a delivered file; an unreadable one may still be whole."""

    INTACT = "intact"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Examined:
    """A finding and its reason in words; `newer_job` delivered the same target later."""

    finding: FileState
    words: str = ""
    newer_job: str = ""


def examine(store: JobStore, files: Publisher, item: ItemRecord) -> Examined | None:
    """Read the file of a done or skipped item and compare; None when no job ever delivered one.

    A skipped item relies on another job's delivery. A done one gives way to a later job that replaced it.
    """
    if item.state is ItemState.SKIPPED:
        relied_on = store.deliveries.find(item.target)
        return compare(files, item.target, relied_on.bytes, relied_on.sha256) if relied_on else None
    verdict = compare(files, item.target, item.bytes, item.sha256)
    if verdict.finding is FileState.INTACT:
        return verdict
    newest = store.deliveries.find(item.target)
    return verdict if newest is None or newest.job_id == item.job_id else _newer(files, item.target, newest)


def _newer(files: Publisher, target: str, newest: Delivery) -> Examined:
    verdict = compare(files, target, newest.bytes, newest.sha256)
    return Examined(verdict.finding, verdict.words, newer_job=newest.job_id)


def compare(files: Publisher, target: str, bytes: int | None, sha256: str | None) -> Examined:
    """Read the file at `target` and compare it with a record: its size first, then its hash."""
    try:
        size = files.size(target)
        if size is None:
            return Examined(FileState.MISSING, "gone since it was delivered")
        if size != bytes:
            return Examined(FileState.DAMAGED, f"got {size} bytes, delivered {bytes}")
        if files.sha256(target) != sha256:
            return Examined(FileState.DAMAGED, f"got other content in the same {size} bytes")
    except OSError as error:
        return Examined(FileState.UNREADABLE, f"could not be read ({error.strerror or error})")
    except StorageError as error:
        return Examined(FileState.UNREADABLE, f"could not be read ({error.args[1]})")
    return Examined(FileState.INTACT)


REPAIRED_AT_ONCE = 500  # items in one transaction
VERIFIER = "verify"  # who did it, in the events

OnChecked = Callable[[int, int], None]  # files checked so far, files to check


@dataclass(frozen=True)
class Verified:
    """The result of a check of a job's files; missing, damaged and stray ones with a sentence each.

    A file that could not be read is among the damaged ones, and says so. `reopened` items are in the queue
    again.
    """

    checked: int
    intact: int
    missing: list[str]
    damaged: list[str]
    strays: list[str]
    reopened: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything that was delivered is there and intact; strays do no harm."""
        return self.checked == self.intact


def verify(
    store: JobStore,
    publisher: Publisher,
    job_id: str,
    *,
    progress: OnChecked | None = None,
    repair: bool = False,
    actor: str = VERIFIER,
) -> Verified:
    """Read all files that a job delivered, or relied on, and compare size and sha256 with the record.

    `repair` queues items again whose file is missing or damaged; a damaged one is first moved aside to
    `<name>.damaged-<n>`, so that nothing a person may have made is lost. Only what is amiss is held in
    memory. Raises `UnknownJob`.
    """
    record = store.jobs.get(job_id)
    files, folder = publisher.of(record.spec.storage), destination_of(record)
    object_store = files.stores.at(folder, record.spec.storage)
    tally = _VerifyTally(set(pictures_of_nobody(store, folder, object_store=object_store)))
    mender = _Mender(store, object_store, job_id, actor) if repair else None
    total = sum(record.snapshot.counts.get(state, 0) for state in CLAIMS_A_FILE)
    for item in store.items.all(job_id):
        # A destination may hold the sources as well.
        tally.strays.discard(item.source)
        examined = examine(store, files, item) if item.state in CLAIMS_A_FILE else None
        if examined is not None:
            tally.add(item, examined, mender.mend(item, examined) if mender else "")
            if progress:
                progress(tally.checked, max(total, tally.checked))
    return tally.result(mender.finish() if mender else 0)


@dataclass
class _VerifyTally:
    """The findings so far."""

    strays: set[str]
    checked: int = 0
    intact: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def add(self, item: ItemRecord, examined: Examined, mended: str) -> None:
        """Count one file, and keep a sentence about it when something is amiss."""
        self.checked += 1
        if examined.finding is FileState.INTACT:
            self.intact += 1
            return
        newer = f"delivered later by job {examined.newer_job}" if examined.newer_job else ""
        message = "; ".join(part for part in (examined.words, newer, mended) if part)
        messages = self.missing if examined.finding is FileState.MISSING else self.damaged
        messages.append(f"{item.target}: {message}")

    def result(self, reopened: int) -> Verified:
        """The whole result."""
        strays = [f"{path}: no job delivered it" for path in sorted(self.strays)]
        return Verified(self.checked, self.intact, self.missing, self.damaged, strays, reopened)


class _Mender:
    """Puts items back in the queue, many at a time, after making room for their files."""

    def __init__(self, store: JobStore, object_store: ObjectStore, job_id: str, actor: str) -> None:
        self._store, self._object_store, self._job_id, self._actor = store, object_store, job_id, actor
        self._waiting: list[str] = []
        self._reopened = 0

    def mend(self, item: ItemRecord, examined: Examined) -> str:
        """Have an item rendered again; the action taken, in words."""
        if examined.finding in (FileState.INTACT, FileState.UNREADABLE):
            return ""
        if examined.newer_job:
            return "left to that job to repair"
        action = "queued again"
        if examined.finding is FileState.DAMAGED:
            try:
                action = f"moved to {base_name(self._object_store.move_aside(item.target))}, {action}"
            except OSError as error:
                return f"could not be moved aside ({error.strerror or error})"
            except StorageError as error:
                return f"could not be moved aside ({error.args[1]})"
        self._waiting.append(item.item_id)
        if len(self._waiting) >= REPAIRED_AT_ONCE:
            self.finish()
        return action

    def finish(self) -> int:
        """Queue the waiting items; how many were queued in all."""
        if self._waiting:
            queued = self._store.items.reopen(
                self._job_id, CLAIMS_A_FILE, items=self._waiting, actor=self._actor
            )
            self._waiting = []
            self._reopened += queued
            reason = f"{queued} outputs were missing or damaged"
            self._store.jobs.move(self._job_id, JobEvent.RETRY, reason=reason, actor=self._actor)
        return self._reopened
