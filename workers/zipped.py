"""`ZippedFolder`: what lies in a delivered zip, read by ranges where it is, without a copy of the whole."""

import io
import zipfile
from collections.abc import Iterator

from giornata.jobs.errors import PlaceError
from giornata.jobs.storage.base import Entry, Place

BUFFER_BYTES = 1 << 16
MOST_BYTES = 64 << 20  # of one member: a small picture of a pyramid is a tenth of a megabyte


class ZippedFolder:
    """The read half of a `Place` for the members of one zip; `folder` is what all of them lie in."""

    def __init__(self, place: Place, name: str) -> None:
        """Reads the directory of the zip `name`. Raises `BadZipFile`, `PlaceError`, `OSError`."""
        found = place.head(name)
        if found is None:
            raise PlaceError(name, "nothing is there")
        self._archive = zipfile.ZipFile(io.BufferedReader(_Ranges(place, found), BUFFER_BYTES))
        self._name, self._changed_at = name, found.changed_at
        first = next(iter(self._archive.namelist()), "")
        self.folder = f"{name}/{first.partition('/')[0]}"

    def head(self, name: str) -> Entry | None:
        """See `Place.head`."""
        try:
            member = self._archive.getinfo(self._inside(name))
        except KeyError:
            return None
        return Entry(name, member.file_size, self._changed_at)

    def list(self, folder: str, *, depth: int | None = None) -> Iterator[Entry]:
        """See `Place.list`."""
        above = self._inside(folder) + "/"
        for member in self._archive.infolist():
            below = member.filename.removeprefix(above)
            if member.filename != below and (depth is None or below.count("/") < depth):
                yield Entry(f"{self._name}/{member.filename}", member.file_size, self._changed_at)

    def read(self, name: str) -> bytes:
        """All of a member. Raises `PlaceError` for one that is not there, or is no small picture."""
        found = self.head(name)
        if found is None or found.bytes > MOST_BYTES:
            raise PlaceError(name, "nothing of at most 64 MB is there")
        return self._archive.read(self._inside(name))

    def _inside(self, name: str) -> str:
        return name.removeprefix(f"{self._name}/")


class _Ranges(io.RawIOBase):
    """A file or object as a seekable stream."""

    def __init__(self, place: Place, entry: Entry) -> None:
        self._place, self._entry, self._at = place, entry, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # any writable buffer
        length = min(len(buffer), max(0, self._entry.bytes - self._at))
        data = self._place.read(self._entry.name, start=self._at, length=length) if length else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
