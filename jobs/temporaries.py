"""Files under `.giornata-` names: which of them somebody still writes, and which were left behind."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from giornata.jobs.errors import UnknownItem
from giornata.jobs.naming import ATTEMPT, job_tag
from giornata.jobs.places import LocalPlace, base_name
from giornata.jobs.ports import Entry, Place
from giornata.jobs.states import ItemState
from giornata.jobs.store import JobStore

PREFIX = ".giornata-"


class Holder(StrEnum):
    """Whose a temporary file is."""

    ATTEMPT = "attempt"  # leased right now
    NOBODY = "nobody"  # its attempt is over
    STRANGER = "stranger"  # an attempt of a job that another store knows
    UNKNOWN = "unknown"  # its name names no job: a manifest, or a picture rendered outside of jobs


@dataclass(frozen=True)
class Temporary:
    """A temporary file or object, or an upload of one, and how long nobody has written to it."""

    name: str
    bytes: int
    quiet_s: float
    holder: Holder


class Temporaries:
    """Looks for temporary files and tells whose they are, by the jobs of one store."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._jobs: dict[str, list[str]] = defaultdict(list)
        for job_id in store.job_ids():
            self._jobs[job_tag(job_id)].append(job_id)

    def below(self, folder: str, *, place: Place | None = None) -> Iterator[Temporary]:
        """Those in `folder` and below, those that are being sent there included."""
        place = place or LocalPlace()
        for entry in chain(place.list(folder, hidden=True), place.uploads(folder)):
            if base_name(entry.name).startswith(PREFIX):
                yield self._seen(entry)

    def _seen(self, entry: Entry) -> Temporary:
        quiet_s = time.time() - entry.changed_at
        return Temporary(entry.name, entry.bytes, quiet_s, self._holder(base_name(entry.name)))

    def _holder(self, name: str) -> Holder:
        attempt = ATTEMPT.fullmatch(name)
        if attempt is None or attempt["job"] is None:
            return Holder.UNKNOWN
        jobs = self._jobs.get(attempt["job"])
        if not jobs:
            return Holder.STRANGER
        leased = any(self._is_leased(job_id, attempt["item"], int(attempt["attempt"])) for job_id in jobs)
        return Holder.ATTEMPT if leased else Holder.NOBODY

    def _is_leased(self, job_id: str, item_id: str, attempt: int) -> bool:
        try:
            item = self._store.item(job_id, item_id)
        except UnknownItem:
            return False
        return item.state is ItemState.LEASED and item.attempt == attempt
