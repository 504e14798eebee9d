"""Orphans in a destination: outputs without a row, rows without an output, temporary files of nobody."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from giornata.jobs.errors import UnknownItem
from giornata.jobs.model.paths import ATTEMPT, PREFIX, SIDECAR, base_name, is_inside, item_id_of, job_tag
from giornata.jobs.model.states import ItemState
from giornata.jobs.planning.assets import is_picture
from giornata.jobs.storage.base import ObjectInfo, ObjectStore
from giornata.jobs.storage.local import LocalStore
from giornata.jobs.store.store import JobStore

FOLDERS_IN_MIND = 10_000
SHEETS = "contact-sheets"  # a folder of ours at the destination, of pictures that are no outputs


def pictures_of_nobody(
    store: JobStore, folder: str, *, object_store: ObjectStore | None = None
) -> Iterator[str]:
    """Names of pictures in `folder` and below that no job delivered or is delivering, in order.

    Files inside a delivered folder belong to it. Hidden files are passed over, and so are names without a
    picture's suffix, such as manifests and reports; but a record goes with its picture.
    """
    is_delivered = _delivered_folders(store, folder)
    for entry in (object_store or LocalStore()).list(folder):
        if is_inside(entry.name, f"{folder.rstrip('/')}/{SHEETS}"):
            continue
        told_of = entry.name.removesuffix(SIDECAR)
        if told_of == entry.name and not is_picture(entry.name):
            continue
        within = os.path.dirname(entry.name)  # noqa: PTH120 - a name in a bucket is no path
        if not is_delivered(within) and not store.deliveries.owns(told_of):
            yield entry.name


def _delivered_folders(store: JobStore, outermost: str) -> Callable[[str], bool]:
    """Tells whether a folder was delivered whole, or lies in one that was."""

    @lru_cache(maxsize=FOLDERS_IN_MIND)
    def is_delivered(folder: str) -> bool:
        if not is_inside(folder, outermost):
            return False
        return is_delivered(os.path.dirname(folder)) or store.deliveries.owns(folder)  # noqa: PTH120

    return is_delivered


class Owner(StrEnum):
    """The owner of a temporary file."""

    ATTEMPT = "attempt"  # leased right now
    NOBODY = "nobody"  # its attempt is over
    STRANGER = "stranger"  # an attempt of a job that another store knows
    UNKNOWN = "unknown"  # its name names no job: a manifest, or a picture rendered outside of jobs


@dataclass(frozen=True)
class Temporary:
    """A temporary file or object, and how long nobody has written to it; or an `upload` that is open."""

    name: str
    bytes: int
    quiet_s: float
    holder: Owner
    upload: bool = False


class TempFiles:
    """Looks for temporary files and tells whose they are, by the jobs of one store."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._jobs: dict[str, list[str]] = defaultdict(list)
        for job_id in store.jobs.ids():
            self._jobs[job_tag(job_id)].append(job_id)

    def below(self, folder: str, *, object_store: ObjectStore | None = None) -> Iterator[Temporary]:
        """The temporary files in `folder` and below, uploads in progress included."""
        where: ObjectStore = object_store or LocalStore()
        for entry in where.list(folder, hidden=True):
            if base_name(entry.name).startswith(PREFIX):
                yield self._seen(entry, self._holder(base_name(entry.name)))
        for entry in where.unfinished_uploads(folder):
            if base_name(entry.name).startswith(PREFIX):
                yield self._seen(entry, self._holder(base_name(entry.name)), upload=True)
            elif owned := self._owned(entry.name, folder):  # the manager was publishing it
                yield self._seen(entry, self._publisher_of(owned), upload=True)

    def _seen(self, entry: ObjectInfo, holder: Owner, *, upload: bool = False) -> Temporary:
        return Temporary(entry.name, entry.bytes, time.time() - entry.changed_at, holder, upload)

    def _owned(self, name: str, folder: str) -> str:
        """The target that a name is or lies in; empty where it is none of ours."""
        while is_inside(name, folder):
            if self._store.deliveries.owns(name):
                return name
            name = name.rpartition("/")[0]
        return ""

    def _publisher_of(self, target: str) -> Owner:
        item_id = item_id_of(target)
        jobs = (job_id for tagged in self._jobs.values() for job_id in tagged)
        return Owner.ATTEMPT if any(self._is_leased(job_id, item_id) for job_id in jobs) else Owner.NOBODY

    def _holder(self, name: str) -> Owner:
        attempt = ATTEMPT.fullmatch(name)
        if attempt is None or attempt["job"] is None:
            return Owner.UNKNOWN
        jobs = self._jobs.get(attempt["job"])
        if not jobs:
            return Owner.STRANGER
        leased = any(self._is_leased(job_id, attempt["item"], int(attempt["attempt"])) for job_id in jobs)
        return Owner.ATTEMPT if leased else Owner.NOBODY

    def _is_leased(self, job_id: str, item_id: str, attempt: int | None = None) -> bool:
        try:
            item = self._store.items.get(job_id, item_id)
        except UnknownItem:
            return False
        return item.state is ItemState.LEASED and attempt in (None, item.attempt)
