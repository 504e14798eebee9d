"""Caches on scratch: styled pictures that wait for their other outputs, and statistics that pictures borrow.

A styled picture is kept under the key of what was styled and shared by all processes of one session on one
host. When it is gone, or its space is needed, it is rendered again and comes out the same.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from giornata.atomic_file import atomic_write
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.crop import CropStyling
from giornata.styles.moments import Totals, from_lists

RECORD = "master.json"
ROOM_SHARE = 0.25  # of the free space at most
ROOM_BYTES = 32 << 30
ASK_S = 0.2  # between two looks at a lock that another process holds


@dataclass(frozen=True)
class StyledImageCache:
    """The masters below `root`, at most `room_bytes` and a quarter of what is free; the oldest go first."""

    root: Path
    room_bytes: int = ROOM_BYTES

    @contextmanager
    def build_lock(self, key: str, tick: Callable[[], None]) -> Iterator[ExitStack]:
        """Wait until no other process is making this master; closing the stack lets the next one on.

        `tick` is called while waiting; what it raises ends the wait.
        """
        with ExitStack() as held:
            lock = held.enter_context(self._lock(f"{key}.turn"))
            while not _taken(lock, fcntl.LOCK_EX):
                tick()
                time.sleep(ASK_S)
            yield held

    def mark_distributed(self, key: str, item_id: str, folder: Path) -> None:
        """Mark a master as made by many workers together, for one item, for as long as `folder` exists."""
        with self._lock(f"{key}.spread") as place:
            place.write(f"{item_id}\n{folder}".encode())

    def is_distributed(self, key: str, item_id: str) -> bool:
        """Whether this master is being made for an item other than this one."""
        try:
            maker, _, folder = (self.root / "locks" / f"{key}.spread").read_text().partition("\n")
        except FileNotFoundError:
            return False
        return bool(folder) and maker != item_id and Path(folder).exists()

    @contextmanager
    def use(self, key: str) -> Iterator[Path | None]:
        """The folder of a master, which stays while it is used; None when there is no such master."""
        with self._lock(f"{key}.use") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            folder = self.root / key
            has_record = (folder / RECORD).is_file()
            if has_record:
                os.utime(folder)
            yield folder if has_record else None

    def keep(self, key: str, files: dict[str, Path], record: Callable[[Path], str]) -> bool:
        """Keep links to `files` under their new names, and the text that `record` makes of their folder.

        False when another process was faster, there is no room, or scratch knows no links. The files may go
        on being read, and must not be written any more.
        """
        if (self.root / key).exists() or not self._make_room(sum(_size(path) for path in files.values())):
            return False
        try:
            with atomic_write(self.root / key) as part:
                for name, path in files.items():
                    place = part / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.link(path, place)
                (part / RECORD).write_text(record(self.root / key))
        except OSError:
            return False
        return True

    def _make_room(self, needed_bytes: int) -> bool:
        self.root.mkdir(parents=True, exist_ok=True)
        masters = sorted(
            (path for path in self.root.iterdir() if (path / RECORD).is_file()),
            key=lambda path: path.stat().st_mtime,
        )
        sizes = {path: sum(map(_size, path.rglob("*"))) for path in masters}
        free = shutil.disk_usage(self.root).free + sum(sizes.values())
        room = min(self.room_bytes, int(free * ROOM_SHARE))
        for path in masters:
            if sum(sizes.values()) + needed_bytes <= room:
                break
            if self._drop(path):
                del sizes[path]
        return sum(sizes.values()) + needed_bytes <= room

    def _drop(self, folder: Path) -> bool:
        """Remove a master that nobody uses."""
        with self._lock(f"{folder.name}.use") as lock:
            if not _taken(lock, fcntl.LOCK_EX):
                return False
            shutil.rmtree(folder, ignore_errors=True)
            return True

    @contextmanager
    def _lock(self, name: str) -> Iterator[IO[bytes]]:
        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / name).open("wb") as lock:  # closing it lets go of it, as does the death of the process
            yield lock


def _taken(lock: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def reference_task(task: RenderTask) -> RenderTask:
    """The task to decode for a reference's totals: the whole picture, as large as it would be styled."""
    crop = task.crop and task.crop.model_copy(update={"styling": CropStyling.ONCE})
    other = {"source": str(task.reference), "page": task.reference_page, "crop": crop, "min_ssim": None}
    return task.model_copy(update=other)


def totals_key(task: RenderTask) -> str:
    """40 hexadecimal digits of all that a reference's totals depend on, the version of its file included."""
    needs = [need.model_dump_json() for need in task.crop.all_needs] if task.crop else []
    mix = json.dumps(sorted(task.mix.items()))
    lines = (
        *(task.reference or "", _stamp(str(task.reference)), mix, task.engine_version, *needs),
        f"{task.strength!r} {task.precision} {task.device} {task.brush!r} {task.float_range}",
        f"{task.pages} {task.reference_page}",
        *((task.universal.model_dump_json(),) if task.universal else ()),
    )
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=20).hexdigest()


def _stamp(path: str) -> str:
    try:
        facts = Path(path).stat()
    except OSError:
        return ""  # reading it will raise the error
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def kept_totals(folder: Path, key: str) -> Totals | None:
    """Totals that were kept before, bit for bit; None when there are none."""
    try:
        return from_lists(json.loads((folder / f"{key}.json").read_text()))
    except FileNotFoundError:
        return None


def keep_totals(folder: Path, key: str, totals: Totals) -> Totals:
    """Keep totals for other processes, and return those that count: the first ones that were kept."""
    folder.mkdir(parents=True, exist_ok=True)
    part, place = folder / f"{key}.{os.getpid()}.part", folder / f"{key}.json"
    part.write_text(json.dumps([total.as_lists() for total in totals]))
    try:
        place.hardlink_to(part)
    except FileExistsError:
        pass
    except OSError:  # scratch without links: a second process would write the same numbers
        part.replace(place)
    part.unlink(missing_ok=True)
    return kept_totals(folder, key) or totals
