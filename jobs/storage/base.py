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
    """What was copied: its size, and the hash taken on the way, 64 hexadecimal digits."""

    bytes: int
    sha256: str


class ObjectStore(Protocol):
    """Where files or objects are. One on the network raises `StorageError`, a disk `OSError`."""

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[ObjectInfo]:
        """What is below a folder, lazily and always in the same order; `depth` 1 is the folder itself.

        `hidden` adds what begins with a dot.
        """

    def head(self, name: str) -> ObjectInfo | None:
        """What is known of one of them without reading it; nothing when it is not there."""

    def heads(self, names: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """The same of many, which costs less than one by one."""

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Some of its bytes. For small parts: they are held in memory."""

    def fetch(self, name: str, path: Path, *, stamp: str = "", version: str = "") -> Fetched:
        """Copy it to a local file, in bounded memory.

        Raises `ObjectChanged` when `stamp` is given and is not what is there.
        """

    def put(self, path: Path, name: str) -> None:
        """Copy a local file there, over what stands there, seen whole or not at all."""

    def delete(self, name: str) -> None:
        """Remove it, and what an interrupted upload left of it; fine when there is nothing."""

    def move_aside(self, name: str) -> str:
        """Rename it to `<name>.damaged-<n>`; its new name."""

    def uploads(self, folder: str) -> Iterator[ObjectInfo]:
        """Names below a folder whose upload was begun and never ended."""

    def abort(self, name: str) -> None:
        """End such uploads of this very name; what stands at the name stays."""


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

        Raises `TargetTaken` when a file stands there and `claim.replace` is false, or it is not ours;
        `OSError` or `StorageError` otherwise.
        """

    def discard(self, claim: Claim) -> None:
        """Remove `claim.temporary` if it is there, as far as that can be done now. Raises nothing."""

    def heads(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """What stands at these names, asked for all at once."""

    def size(self, target: str) -> int | None:
        """The size in bytes of a published file; nothing when it is not there."""

    def sha256(self, target: str) -> str:
        """The hash of a published file, 64 hexadecimal digits."""


class Files(Protocol):
    """What is asked about delivered files; every `Publisher` can answer."""

    @property
    def places(self) -> StoreFinder:
        """Where files and objects are found by their names."""

    def of(self, storage: Storage) -> "Files":
        """The same for the files of a job with this storage."""

    def heads(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """What stands at these names, asked for all at once."""

    def size(self, target: str) -> int | None:
        """The size in bytes; nothing when it is not there."""

    def sha256(self, target: str) -> str:
        """The hash of what is in it now, 64 hexadecimal digits."""
