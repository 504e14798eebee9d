"""Names of files and objects, and the local disk as a `Place`; what speaks to buckets is handed in."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from giornata.jobs.errors import PlaceMissing, PlaceUnknown
from giornata.jobs.model.paths import PREFIX, is_url
from giornata.jobs.spec.naming import safe_component
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.storage.base import Entry, Fetched, Place, Places
from giornata.jobs.storage.hashing import deliverable_sha256, tree_bytes

_HIDDEN = "."


class LocalPlace:
    """A `Place` on the disks of this machine. Errors are the system's own `OSError`."""

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[Entry]:
        """See `Place.list`. Linked folders are not entered; one that cannot be read is passed over."""
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            return
        folders = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry)
            elif (hidden or not entry.name.startswith(_HIDDEN)) and (seen := _entry(entry)):
                yield seen
        if depth is None or depth > 1:
            for entry in folders:
                # Nothing is delivered into hidden folders, so not even hidden files are looked for there.
                if not entry.name.startswith(_HIDDEN):
                    yield from self.list(entry.path, depth=depth and depth - 1, hidden=hidden)

    def head(self, name: str) -> Entry | None:
        """See `Place.head`."""
        try:
            found = Path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Entry(name, found.st_size, found.st_mtime, f"{found.st_size}-{found.st_mtime_ns}")

    def heads(self, names: Sequence[str]) -> Sequence[Entry | None]:
        """See `Place.heads`."""
        return [self.head(name) for name in names]

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """See `Place.read`."""
        with Path(name).open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def fetch(self, name: str, path: Path, *, stamp: str = "", version: str = "") -> Fetched:
        """See `Place.fetch`."""
        shutil.copyfile(name, path)
        with path.open("rb") as file:
            return Fetched(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    def put(self, path: Path, name: str) -> None:
        """See `Place.put`; seen whole or not at all."""
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        aside = Path(name).with_name(f".giornata-{Path(name).name}.part")
        shutil.copyfile(path, aside)
        aside.replace(name)

    def delete(self, name: str) -> None:
        """See `Place.delete`."""
        Path(name).unlink(missing_ok=True)

    def move_aside(self, name: str) -> str:
        """See `Place.move_aside`; the first free `n`."""
        place = Path(name)
        for number in count(1):
            aside = place.with_name(safe_component(f"{place.name}.damaged-{number}"))
            try:
                # Whoever creates the name owns it; only like is renamed over like.
                aside.mkdir() if place.is_dir() else aside.touch(exist_ok=False)
            except FileExistsError:
                continue
            return str(place.replace(aside))
        raise AssertionError

    def uploads(self, folder: str) -> Iterator[Entry]:
        """See `Place.uploads`: folders that attempts are still filling."""
        for place, names, _ in os.walk(folder):
            for name in [one for one in names if one.startswith(_HIDDEN)]:
                names.remove(name)
                found = Path(place) / name
                if name.startswith(PREFIX) and (weight := _weighed(found)) is not None:
                    yield Entry(str(found), weight, found.stat().st_mtime)

    def abort(self, name: str) -> None:
        """See `Place.abort`: nothing."""


class LocalPlaces:
    """`Places` that know this machine's disks only."""

    def at(self, name: str, storage: Storage = HERE) -> Place:
        """See `Places.at`."""
        if is_url(name):
            raise PlaceUnknown(name, "needed a local path: nothing here speaks to buckets")
        return LocalPlace()


LOCAL = LocalPlaces()


def delivered_head(name: str) -> Entry | None:
    """What is known of a deliverable on a local disk, a file or a folder, without reading it."""
    place = Path(name)
    if not place.is_dir():
        return LocalPlace().head(name)
    weight = _weighed(place)
    return Entry(name, weight, place.stat().st_mtime) if weight else None  # nobody delivers an empty one


def _weighed(folder: Path) -> int | None:
    try:
        return tree_bytes(folder)
    except FileNotFoundError:
        return None  # published or removed a moment ago


def _entry(found: os.DirEntry[str]) -> Entry | None:
    try:
        facts = found.stat(follow_symlinks=False)
    except OSError:
        return None  # published or removed a moment ago
    return Entry(found.path, facts.st_size, facts.st_mtime)


def needed(place: Place, name: str) -> Entry:
    """What is at `name`. Raises `PlaceMissing`."""
    found = place.head(name)
    if found is None:
        raise PlaceMissing(name, "nothing is there")
    return found


class LocalFiles:
    """`Files` on a local disk."""

    places: Places = LOCAL

    def of(self, storage: Storage) -> "LocalFiles":
        """See `Files.of`: itself."""
        return self

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """See `Files.heads`."""
        return [delivered_head(target) for target in targets]

    def size(self, target: str) -> int | None:
        """See `Files.size`."""
        found = delivered_head(target)
        return None if found is None else found.bytes

    def sha256(self, target: str) -> str:
        """See `Files.sha256`; read in small parts."""
        return deliverable_sha256(Path(target))
