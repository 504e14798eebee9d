"""What killed processes left on disk: found, explained and, when asked, removed; never what may be in use."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.folders import destination_of
from giornata.jobs.store import JobStore
from giornata.jobs.temporaries import Holder, Temporaries, Temporary
from giornata.jobs.works import is_wanted, works_in

QUIET_S = 3600.0  # nothing of ours leaves a file alone for that long while it still writes it
SESSION = re.compile(r"session-(?P<pid>\d+)-.+")  # scratch folders carry the process they belong to


@dataclass(frozen=True)
class Leftover:
    """A file or folder nobody needs, its size, and why it may go."""

    path: Path
    bytes: int
    why: str


def find_leftovers(
    store: JobStore, *, scratch: Path, alive: Callable[[int], bool], quiet_s: float = QUIET_S
) -> list[Leftover]:
    """What may be removed: ended attempts' files, abandoned manifests, scratch and work of dead processes.

    Looks in the destinations of all jobs of the store and in `scratch`. `alive` says whether a process
    number is in use. A file of which only its age can tell must have been quiet for `quiet_s`.
    """
    temporaries = Temporaries(store)
    found = [
        leftover
        for folder in destinations(store)
        for temporary in temporaries.below(folder)
        if (leftover := _leftover(temporary, quiet_s))
    ]
    scratches = (*_sessions(scratch, alive), *_works(store, scratch, alive, quiet_s))
    return sorted([*found, *scratches], key=lambda leftover: leftover.path)


def destinations(store: JobStore) -> list[Path]:
    """The folders that jobs deliver to, each once, without those inside of others."""
    outer: list[Path] = []
    for folder in sorted({destination_of(store.job(job_id)) for job_id in store.job_ids()}):
        # Sorted, a folder comes before all that is inside of it.
        if not any(folder.is_relative_to(other) for other in outer):
            outer.append(folder)
    return outer


def remove(leftovers: Iterable[Leftover]) -> int:
    """Remove files and folders; how many are gone now. What the system refuses stays."""
    return sum(_is_gone(leftover.path) for leftover in leftovers)


def _leftover(temporary: Temporary, quiet_s: float) -> Leftover | None:
    if temporary.holder is Holder.NOBODY:
        return Leftover(temporary.path, temporary.bytes, "its attempt is over")
    if temporary.holder is Holder.UNKNOWN and temporary.quiet_s >= quiet_s:
        words = f"nobody has written to it for {temporary.quiet_s / 3600:.0f} h"
        return Leftover(temporary.path, temporary.bytes, words)
    return None


def _sessions(scratch: Path, alive: Callable[[int], bool]) -> Iterator[Leftover]:
    for folder in scratch.glob("session-*"):
        name = SESSION.fullmatch(folder.name)
        if name and folder.is_dir() and not alive(int(name["pid"])):
            yield Leftover(folder, _weight(folder), f"process {name['pid']} is gone")


def _works(
    store: JobStore, scratch: Path, alive: Callable[[int], bool], quiet_s: float
) -> Iterator[Leftover]:
    """Work on large pictures that nobody will go on with; a job that is run again would."""
    for work in works_in(scratch):
        wanted = is_wanted(store, work.item_id)
        if wanted or alive(work.pid) or (wanted is None and work.quiet_s < quiet_s):
            continue
        known = "its item has come to its end" if wanted is False else "no job here knows its item"
        yield Leftover(work.path, _weight(work.path), f"process {work.pid} is gone, and {known}")


def _weight(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def _is_gone(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return False
    return not path.exists()
