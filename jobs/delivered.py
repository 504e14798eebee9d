"""One delivered output against its record: is the file there, as long as it was, the same to the last bit?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from giornata.jobs.digest import deliverable_sha256
from giornata.jobs.errors import PlaceError
from giornata.jobs.places import LOCAL, delivered_head
from giornata.jobs.ports import Entry, Places
from giornata.jobs.records import Delivery, ItemRecord
from giornata.jobs.states import ItemState
from giornata.jobs.storage import Storage
from giornata.jobs.store import JobStore

CLAIMS_A_FILE = (ItemState.DONE, ItemState.SKIPPED)


class Files(Protocol):
    """What is asked about delivered files; every `Publisher` can answer."""

    @property
    def places(self) -> Places:
        """Where files and objects are found by their names."""

    def of(self, storage: Storage) -> "Files":
        """The same for the files of a job with this storage."""

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """What stands at these names, asked for all at once."""

    def size(self, target: str) -> int | None:
        """The size in bytes; nothing when it is not there."""

    def sha256(self, target: str) -> str:
        """The hash of what is in it now, 64 hexadecimal digits."""


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


class Finding(StrEnum):
    """What became of a delivered file; an unreadable one may still be whole."""

    INTACT = "intact"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Examined:
    """A finding with what is wrong in words; `newer_job` delivered the same target later."""

    finding: Finding
    words: str = ""
    newer_job: str = ""


def examine(store: JobStore, files: Files, item: ItemRecord) -> Examined | None:
    """Read the file of a done or skipped item and compare; nothing when nobody ever delivered one.

    A skipped item relies on another job's delivery. A done one gives way to a later job that replaced it.
    """
    if item.state is ItemState.SKIPPED:
        relied_on = store.delivery(item.target)
        return compare(files, item.target, relied_on.bytes, relied_on.sha256) if relied_on else None
    found = compare(files, item.target, item.bytes, item.sha256)
    if found.finding is Finding.INTACT:
        return found
    newest = store.delivery(item.target)
    return found if newest is None or newest.job_id == item.job_id else _newer(files, item.target, newest)


def _newer(files: Files, target: str, newest: Delivery) -> Examined:
    found = compare(files, target, newest.bytes, newest.sha256)
    return Examined(found.finding, found.words, newer_job=newest.job_id)


def compare(files: Files, target: str, bytes: int | None, sha256: str | None) -> Examined:
    """Read the file at `target` and compare it with a record: its size first, then its hash."""
    try:
        size = files.size(target)
        if size is None:
            return Examined(Finding.MISSING, "gone since it was delivered")
        if size != bytes:
            return Examined(Finding.DAMAGED, f"got {size} bytes, delivered {bytes}")
        if files.sha256(target) != sha256:
            return Examined(Finding.DAMAGED, f"got other content in the same {size} bytes")
    except OSError as error:
        return Examined(Finding.UNREADABLE, f"could not be read ({error.strerror or error})")
    except PlaceError as error:
        return Examined(Finding.UNREADABLE, f"could not be read ({error.args[1]})")
    return Examined(Finding.INTACT)
