"""Files under `.giornata-` names: which of them somebody still writes, and which were left behind."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from giornata.jobs.errors import UnknownItem
from giornata.jobs.folders import files_below
from giornata.jobs.naming import ATTEMPT, job_tag
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
    """A temporary file, and how long nobody has written to it."""

    path: Path
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

    def below(self, folder: Path) -> Iterator[Temporary]:
        """Those in `folder` and below."""
        for entry in files_below(folder):
            found = self._seen(entry) if entry.name.startswith(PREFIX) else None
            if found:
                yield found

    def _seen(self, entry: os.DirEntry[str]) -> Temporary | None:
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # published or removed a moment ago
        quiet_s = time.time() - facts.st_mtime
        return Temporary(Path(entry.path), facts.st_size, quiet_s, self._holder(entry.name))

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
