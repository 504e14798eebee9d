"""Files under `.giornata-` names: which of them somebody still writes, and which were left behind."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from giornata.jobs.errors import UnknownItem
from giornata.jobs.naming import ATTEMPT, item_id_of, job_tag
from giornata.jobs.places import PREFIX, LocalPlace, base_name, is_inside
from giornata.jobs.ports import Entry, Place
from giornata.jobs.states import ItemState
from giornata.jobs.store import JobStore


class Holder(StrEnum):
    """Whose a temporary file is."""

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
    holder: Holder
    upload: bool = False


class Temporaries:
    """Looks for temporary files and tells whose they are, by the jobs of one store."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._jobs: dict[str, list[str]] = defaultdict(list)
        for job_id in store.job_ids():
            self._jobs[job_tag(job_id)].append(job_id)

    def below(self, folder: str, *, place: Place | None = None) -> Iterator[Temporary]:
        """Those in `folder` and below, those that are being sent there included."""
        where: Place = place or LocalPlace()
        for entry in where.list(folder, hidden=True):
            if base_name(entry.name).startswith(PREFIX):
                yield self._seen(entry, self._holder(base_name(entry.name)))
        for entry in where.uploads(folder):
            if base_name(entry.name).startswith(PREFIX):
                yield self._seen(entry, self._holder(base_name(entry.name)), upload=True)
            elif owned := self._owned(entry.name, folder):  # the manager was publishing it
                yield self._seen(entry, self._publisher_of(owned), upload=True)

    def _seen(self, entry: Entry, holder: Holder, *, upload: bool = False) -> Temporary:
        return Temporary(entry.name, entry.bytes, time.time() - entry.changed_at, holder, upload)

    def _owned(self, name: str, folder: str) -> str:
        """The target that a name is or lies in; empty where it is none of ours."""
        while is_inside(name, folder):
            if self._store.owns(name):
                return name
            name = name.rpartition("/")[0]
        return ""

    def _publisher_of(self, target: str) -> Holder:
        item_id = item_id_of(target)
        jobs = (job_id for tagged in self._jobs.values() for job_id in tagged)
        return Holder.ATTEMPT if any(self._is_leased(one, item_id) for one in jobs) else Holder.NOBODY

    def _holder(self, name: str) -> Holder:
        attempt = ATTEMPT.fullmatch(name)
        if attempt is None or attempt["job"] is None:
            return Holder.UNKNOWN
        jobs = self._jobs.get(attempt["job"])
        if not jobs:
            return Holder.STRANGER
        leased = any(self._is_leased(job_id, attempt["item"], int(attempt["attempt"])) for job_id in jobs)
        return Holder.ATTEMPT if leased else Holder.NOBODY

    def _is_leased(self, job_id: str, item_id: str, attempt: int | None = None) -> bool:
        try:
            item = self._store.item(job_id, item_id)
        except UnknownItem:
            return False
        return item.state is ItemState.LEASED and attempt in (None, item.attempt)
