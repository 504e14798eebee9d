"""Storage protocols: object stores, how one is found by a name, and the publisher of finished files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.spec.storage import Storage


@dataclass(frozen=True)
class ObjectInfo:
    """A file or object: its absolute name, and what tells one version of its content from the next.

    `fingerprint` is the size in bytes, a dash, and the ETag of an object or the time of a file. `version` is
    the id by which a bucket that keeps versions finds it again.
    """

    name: str
    bytes: int
    changed_at: float
    fingerprint: str = ""
    version: str = ""


@dataclass(frozen=True)
class Download:
    """A downloaded copy: its size, and the hash taken on the way, 64 hexadecimal digits."""

    bytes: int
    sha256: str


class ObjectStore(Protocol):
    """A store of files or objects. One on the network raises `StorageError`, a disk `OSError`.

    Either raises `ObjectChanged` where a `fingerprint` is given and the object has another.
    """

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[ObjectInfo]:
        """The files below a folder, lazily and always in the same order; `depth` 1 is the folder itself.

        `hidden` adds names that begin with a dot.
        """

    def stat(self, name: str) -> ObjectInfo | None:
        """The facts of a file or object without reading it; None when it does not exist."""

    def stat_many(self, names: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """The facts of many, which costs less than one by one."""

    def read(
        self,
        name: str,
        *,
        start: int = 0,
        length: int | None = None,
        fingerprint: str = "",
        version: str = "",
    ) -> bytes:
        """A range of its bytes, held in memory. `RemoteFile` reads large ones as a stream."""

    def download(self, name: str, path: Path, *, fingerprint: str = "", version: str = "") -> Download:
        """Copy it to a local file, in bounded memory."""

    def upload(self, path: Path, name: str) -> None:
        """Copy a local file to `name`, over an existing one, seen whole or not at all."""

    def delete(self, name: str) -> None:
        """Remove a file or object and the parts of interrupted uploads; fine when there are none."""

    def move_aside(self, name: str) -> str:
        """Rename it to `<name>.damaged-<n>`; its new name."""

    def unfinished_uploads(self, folder: str) -> Iterator[ObjectInfo]:
        """Names below a folder whose upload was begun and never ended."""

    def abort_uploads(self, name: str) -> None:
        """End the open uploads of this very name; an object that has the name stays."""


class StoreFinder(Protocol):
    """Finds the store of a name."""

    def at(self, name: str, storage: Storage = ...) -> ObjectStore:
        """The store that holds `name`. Raises `UnsupportedUrl`."""


class Publisher(Protocol):
    """Moves finished files to their names, and looks them up there.

    `jobs` has one for local disks, `workers` one for buckets too.
    """

    @property
    def stores(self) -> StoreFinder:
        """The stores of files and objects by their names."""

    def of(self, storage: Storage) -> "Publisher":
        """The same for a job with this storage."""

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """Move `claim.temporary` to the target in one step.

        Raises `TargetTaken` when the target exists and `claim.replace` is false, or it is not ours;
        `OSError` or `StorageError` otherwise.
        """

    def discard(self, claim: Claim) -> None:
        """Remove `claim.temporary` if it is there, as far as that can be done now. Raises nothing."""

    def stat_many(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """The facts of what was delivered under these names, asked for all at once."""

    def size(self, target: str) -> int | None:
        """The size in bytes of a published file; None when it does not exist."""

    def sha256(self, target: str) -> str:
        """The hash of a published file as it is now, 64 hexadecimal digits."""
