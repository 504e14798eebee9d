"""What the manager needs of storage: places of files and objects, and who publishes to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.spec.storage import Storage


@dataclass(frozen=True)
class ObjectInfo:
    """A file or object: its absolute name, and what tells one version of its content from the next."""

    name: str
    bytes: int
    changed_at: float
    stamp: str = ""
    version: str = ""


@dataclass(frozen=True)
class Fetched:
    """A fetched copy: its size, and the hash taken on the way, 64 hexadecimal digits."""

    bytes: int
    sha256: str


class ObjectStore(Protocol):
    """A place of files or objects. One on the network raises `StorageError`, a disk `OSError`."""

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[ObjectInfo]:
        """The files below a folder, lazily and always in the same order; `depth` 1 is the folder itself.

        `hidden` adds names that begin with a dot.
        """

    def head(self, name: str) -> ObjectInfo | None:
        """The facts of a file or object without reading it; None when it does not exist."""

    def heads(self, names: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """The facts of many, which costs less than one by one."""

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Some of its bytes. For small parts: they are held in memory."""

    def fetch(self, name: str, path: Path, *, stamp: str = "", version: str = "") -> Fetched:
        """Copy it to a local file, in bounded memory.

        Raises `ObjectChanged` when `stamp` is given and the object has another.
        """

    def put(self, path: Path, name: str) -> None:
        """Copy a local file to `name`, over an existing one, seen whole or not at all."""

    def delete(self, name: str) -> None:
        """Remove a file or object and the parts of interrupted uploads; fine when there are none."""

    def move_aside(self, name: str) -> str:
        """Rename it to `<name>.damaged-<n>`; its new name."""

    def uploads(self, folder: str) -> Iterator[ObjectInfo]:
        """Names below a folder whose upload was begun and never ended."""

    def abort(self, name: str) -> None:
        """End the open uploads of this very name; an object that has the name stays."""


class StoreFinder(Protocol):
    """Finds the place of a name."""

    def at(self, name: str, storage: Storage = ...) -> ObjectStore:
        """The place that holds `name`. Raises `UnsupportedUrl`."""


class Publisher(Protocol):
    """Moves finished files to their names. `workers` has one for local disks, and one for buckets."""

    @property
    def places(self) -> StoreFinder:
        """Where files and objects are found by their names."""

    def of(self, storage: Storage) -> "Publisher":
        """The same for a job with this storage."""

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """Move `claim.temporary` to the target in one step.

        Raises `TargetTaken` when the target exists and `claim.replace` is false, or it is not ours;
        `OSError` or `StorageError` otherwise.
        """

    def discard(self, claim: Claim) -> None:
        """Remove `claim.temporary` if it is there, as far as that can be done now. Raises nothing."""

    def heads(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """What stands at these names, asked for all at once."""

    def size(self, target: str) -> int | None:
        """The size in bytes of a published file; None when it does not exist."""

    def sha256(self, target: str) -> str:
        """The hash of a published file, 64 hexadecimal digits."""


class Files(Protocol):
    """Lookups of delivered files, which every `Publisher` has as well."""

    @property
    def places(self) -> StoreFinder:
        """Where files and objects are found by their names."""

    def of(self, storage: Storage) -> "Files":
        """The same for the files of a job with this storage."""

    def heads(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """What stands at these names, asked for all at once."""

    def size(self, target: str) -> int | None:
        """The size in bytes; None when it does not exist."""

    def sha256(self, target: str) -> str:
        """The hash of the content now, 64 hexadecimal digits."""
