"""Garbage of dead processes: sessions, temporary files and work directories, removed when asked."""

import json
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.errors import StorageError, UnknownItem
from giornata.jobs.maintenance.orphans import Owner, TempFiles, Temporary
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.model.paths import PREFIX, base_name, is_inside, is_url
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.storage.base import Publisher
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.records import destination_of
from giornata.jobs.store.store import JobStore

PICTURES = "pictures"  # the folder for it, inside the scratch folder
OWNER = "owner.json"  # who works on a picture, written by workers


_CANCELLED = (JobState.CANCELLING, JobState.CANCELLED)  # whatever its dead manager left leased


@dataclass(frozen=True)
class WorkDir:
    """A folder with unfinished work on one item, the process that had it last, and how long it is quiet."""

    path: Path
    item_id: str
    pid: int
    quiet_s: float


def works_in(scratch: Path) -> Iterator[WorkDir]:
    """The work directories of a scratch folder, in no order; unreadable ones are passed over."""
    for record in (scratch / PICTURES).glob(f"*/{OWNER}"):
        try:
            owner = json.loads(record.read_text())
            quiet_s = time.time() - max(path.stat().st_mtime for path in (record, record.parent))
            yield WorkDir(record.parent, str(owner["item_id"]), int(owner["pid"]), quiet_s)
        except (OSError, ValueError, KeyError, TypeError):
            continue


def is_wanted(store: JobStore, item_id: str) -> bool | None:
    """Whether some job will render this item; None when no job knows it."""
    is_known = False
    for job_id in store.jobs.ids():
        try:
            at_rest = store.items.get(job_id, item_id).state.is_terminal
            if not at_rest and store.jobs.snapshot(job_id).state not in _CANCELLED:
                return True
            is_known = True
        except UnknownItem:
            continue
    return False if is_known else None


class WorkDirCleaner:
    """A `Progress` that removes the work on items that have come to their end."""

    def __init__(self, store: JobStore, scratch: Path) -> None:
        self._store, self._scratch = store, scratch

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Remove the work of a job that is over, unless another job makes the same."""
        if snapshot.state.is_terminal:
            for work in works_in(self._scratch):
                if is_wanted(self._store, work.item_id) is False:
                    shutil.rmtree(work.path, ignore_errors=True)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Remove the work on an item that was delivered, or failed for good."""
        if decision.state.is_terminal:
            for folder in (self._scratch / PICTURES).glob(f"{claim.task.item_id}-*"):
                shutil.rmtree(folder, ignore_errors=True)


QUIET_S = 3600.0  # nothing of ours leaves a file alone for that long while it still writes it
FETCHED = "fetched"  # of scratch: copies of objects
SESSION = re.compile(r"session-(?P<pid>\d+)-.+")  # scratch folders carry the process they belong to


@dataclass(frozen=True)
class Garbage:
    """A file, folder or object nobody needs, its size, and why it may go; `storage` is where an object is."""

    path: str
    bytes: int
    why: str
    storage: Storage = HERE
    upload: bool = False  # the name may be that of a delivered object, which stays


def find_leftovers(
    store: JobStore,
    *,
    scratch: Path,
    alive: Callable[[int], bool],
    quiet_s: float = QUIET_S,
    files: Publisher | None = None,
) -> list[Garbage]:
    """Removable garbage: ended attempts' files, abandoned manifests, scratch and work of dead processes.

    Looks in the destinations of all jobs of the store and in `scratch`. `alive` says whether a process
    number is in use. A file of which only its age can tell must have been quiet for `quiet_s`.
    """
    temporaries, files = TempFiles(store), files or LocalPublisher()
    leftovers = [
        leftover
        for storage, folder in destinations(store)
        for temporary in _seen(temporaries, files, folder, storage)
        if (leftover := _leftover(temporary, quiet_s, storage))
    ]
    scratches = (
        *_sessions(scratch, alive),
        *_works(store, scratch, alive, quiet_s),
        *_fetched(scratch, alive),
    )
    return sorted([*leftovers, *scratches], key=lambda leftover: leftover.path)


def destinations(store: JobStore) -> list[tuple[Storage, str]]:
    """The folders and prefixes that jobs deliver to, each once, without those inside of others."""
    records = [store.jobs.get(job_id) for job_id in store.jobs.ids()]
    by_storage: dict[Storage, set[str]] = defaultdict(set)
    for record in records:
        folder = destination_of(record)
        # Jobs that carry other headers to the same endpoint have the same buckets.
        by_storage[record.spec.storage.reach if is_url(folder) else HERE].add(folder)
    return [(storage, folder) for storage, folders in by_storage.items() for folder in outermost(folders)]


def remove(leftovers: Iterable[Garbage], *, files: Publisher | None = None) -> int:
    """Remove files, folders and objects; how many are gone now. What the system refuses stays."""
    files = files or LocalPublisher()
    return sum(_is_gone(leftover, files) for leftover in leftovers)


def _seen(temporaries: TempFiles, files: Publisher, folder: str, storage: Storage) -> Iterator[Temporary]:
    try:
        yield from temporaries.below(folder, object_store=files.stores.at(folder, storage))
    except StorageError:
        return  # of a bucket that has gone, or that is not for us: the other places matter as well


def _leftover(temporary: Temporary, quiet_s: float, storage: Storage) -> Garbage | None:
    if temporary.holder is Owner.NOBODY:
        return Garbage(temporary.name, temporary.bytes, _over(temporary), storage, temporary.upload)
    if temporary.holder is Owner.UNKNOWN and temporary.quiet_s >= quiet_s:
        reason = f"nobody has written to it for {temporary.quiet_s / 3600:.0f} h"
        return Garbage(temporary.name, temporary.bytes, reason, storage, temporary.upload)
    return None


def _over(temporary: Temporary) -> str:
    sent = temporary.upload and is_url(temporary.name)
    return "an upload that nobody ended" if sent else "its attempt is over"


def _sessions(scratch: Path, alive: Callable[[int], bool]) -> Iterator[Garbage]:
    for folder in scratch.glob("session-*"):
        name = SESSION.fullmatch(folder.name)
        if name and folder.is_dir() and not alive(int(name["pid"])):
            yield Garbage(str(folder), _weight(folder), f"process {name['pid']} is gone")


def _fetched(scratch: Path, alive: Callable[[int], bool]) -> Iterator[Garbage]:
    """Sources from buckets, which the sessions of a scratch share."""
    folder = scratch / FETCHED
    if folder.is_dir() and not is_in_use(scratch, alive):
        yield Garbage(str(folder), _weight(folder), "the processes that fetched it are gone")


def is_in_use(scratch: Path, alive: Callable[[int], bool]) -> bool:
    """Whether a session of a living process has its folder in this scratch."""
    names = [SESSION.fullmatch(folder.name) for folder in scratch.glob("session-*")]
    return any(name and alive(int(name["pid"])) for name in names)


def _works(store: JobStore, scratch: Path, alive: Callable[[int], bool], quiet_s: float) -> Iterator[Garbage]:
    """Work on large pictures that nobody will go on with; a job that is run again would."""
    for work in works_in(scratch):
        is_needed = is_wanted(store, work.item_id)
        if is_needed or alive(work.pid) or (is_needed is None and work.quiet_s < quiet_s):
            continue
        reason = "its item has come to its end" if is_needed is False else "no job here knows its item"
        yield Garbage(str(work.path), _weight(work.path), f"process {work.pid} is gone, and {reason}")


def _weight(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def _is_gone(leftover: Garbage, files: Publisher) -> bool:
    if is_url(leftover.path):
        try:
            object_store = files.stores.at(leftover.path, leftover.storage)
            is_temporary = base_name(leftover.path).startswith(PREFIX)
            if is_temporary or not leftover.upload:
                object_store.delete(leftover.path)
            else:
                object_store.abort_uploads(leftover.path)
        except StorageError:
            return False
        return True
    path = Path(leftover.path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return False
    return not path.exists()


def outermost(folders: Iterable[str]) -> Iterator[str]:
    """These folders in order, each once, without those inside of others."""
    roots: list[str] = []
    for folder in sorted(set(folders)):
        # Sorted, a folder comes before all that is inside of it.
        if not any(is_inside(folder, other) for other in roots):
            roots.append(folder)
            yield folder
