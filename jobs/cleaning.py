"""What killed processes left on disk: found, explained and, when asked, removed; never what may be in use."""

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.delivered import Files, LocalFiles
from giornata.jobs.errors import PlaceError
from giornata.jobs.folders import destination_of, outermost
from giornata.jobs.places import PREFIX, base_name, is_url
from giornata.jobs.storage import HERE, Storage
from giornata.jobs.store import JobStore
from giornata.jobs.temporaries import Holder, Temporaries, Temporary
from giornata.jobs.works import is_wanted, works_in

QUIET_S = 3600.0  # nothing of ours leaves a file alone for that long while it still writes it
FETCHED = "fetched"  # of scratch: copies of objects
SESSION = re.compile(r"session-(?P<pid>\d+)-.+")  # scratch folders carry the process they belong to


@dataclass(frozen=True)
class Leftover:
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
    files: Files | None = None,
) -> list[Leftover]:
    """What may be removed: ended attempts' files, abandoned manifests, scratch and work of dead processes.

    Looks in the destinations of all jobs of the store and in `scratch`. `alive` says whether a process
    number is in use. A file of which only its age can tell must have been quiet for `quiet_s`.
    """
    temporaries, files = Temporaries(store), files or LocalFiles()
    found = [
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
    return sorted([*found, *scratches], key=lambda leftover: leftover.path)


def destinations(store: JobStore) -> list[tuple[Storage, str]]:
    """The folders and prefixes that jobs deliver to, each once, without those inside of others."""
    records = [store.job(job_id) for job_id in store.job_ids()]
    found: dict[Storage, set[str]] = defaultdict(set)
    for record in records:
        folder = destination_of(record)
        # Jobs that carry other headers to the same endpoint have the same buckets.
        found[record.spec.storage.reach if is_url(folder) else HERE].add(folder)
    return [(storage, folder) for storage, folders in found.items() for folder in outermost(folders)]


def remove(leftovers: Iterable[Leftover], *, files: Files | None = None) -> int:
    """Remove files, folders and objects; how many are gone now. What the system refuses stays."""
    files = files or LocalFiles()
    return sum(_is_gone(leftover, files) for leftover in leftovers)


def _seen(temporaries: Temporaries, files: Files, folder: str, storage: Storage) -> Iterator[Temporary]:
    try:
        yield from temporaries.below(folder, place=files.places.at(folder, storage))
    except PlaceError:
        return  # of a bucket that has gone, or that is not for us: the other places matter as well


def _leftover(temporary: Temporary, quiet_s: float, storage: Storage) -> Leftover | None:
    if temporary.holder is Holder.NOBODY:
        return Leftover(temporary.name, temporary.bytes, _over(temporary), storage, temporary.upload)
    if temporary.holder is Holder.UNKNOWN and temporary.quiet_s >= quiet_s:
        words = f"nobody has written to it for {temporary.quiet_s / 3600:.0f} h"
        return Leftover(temporary.name, temporary.bytes, words, storage, temporary.upload)
    return None


def _over(temporary: Temporary) -> str:
    sent = temporary.upload and is_url(temporary.name)
    return "an upload that nobody ended" if sent else "its attempt is over"


def _sessions(scratch: Path, alive: Callable[[int], bool]) -> Iterator[Leftover]:
    for folder in scratch.glob("session-*"):
        name = SESSION.fullmatch(folder.name)
        if name and folder.is_dir() and not alive(int(name["pid"])):
            yield Leftover(str(folder), _weight(folder), f"process {name['pid']} is gone")


def _fetched(scratch: Path, alive: Callable[[int], bool]) -> Iterator[Leftover]:
    """Sources from buckets, which the sessions of a scratch share."""
    folder = scratch / FETCHED
    if folder.is_dir() and not is_in_use(scratch, alive):
        yield Leftover(str(folder), _weight(folder), "the processes that fetched it are gone")


def is_in_use(scratch: Path, alive: Callable[[int], bool]) -> bool:
    """Whether a session of a living process has its folder in this scratch."""
    names = [SESSION.fullmatch(folder.name) for folder in scratch.glob("session-*")]
    return any(name and alive(int(name["pid"])) for name in names)


def _works(
    store: JobStore, scratch: Path, alive: Callable[[int], bool], quiet_s: float
) -> Iterator[Leftover]:
    """Work on large pictures that nobody will go on with; a job that is run again would."""
    for work in works_in(scratch):
        wanted = is_wanted(store, work.item_id)
        if wanted or alive(work.pid) or (wanted is None and work.quiet_s < quiet_s):
            continue
        known = "its item has come to its end" if wanted is False else "no job here knows its item"
        yield Leftover(str(work.path), _weight(work.path), f"process {work.pid} is gone, and {known}")


def _weight(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def _is_gone(leftover: Leftover, files: Files) -> bool:
    if is_url(leftover.path):
        try:
            place = files.places.at(leftover.path, leftover.storage)
            ours = base_name(leftover.path).startswith(PREFIX)
            place.delete(leftover.path) if ours or not leftover.upload else place.abort(leftover.path)
        except PlaceError:
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
