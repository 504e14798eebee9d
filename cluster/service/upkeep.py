"""`Upkeep`: what a desk needs for reading again, auditing, cleaning and reporting, each replaceable."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giornata.jobs.maintenance.audit import audit
from giornata.jobs.maintenance.gc import Leftover, find_leftovers, remove
from giornata.jobs.maintenance.verify import Verified, verify
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import destination_of
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher


class Verify(Protocol):
    """Reads every delivered file of a job again."""

    def __call__(
        self, store: JobStore, publisher: Publisher, job_id: str, *, repair: bool = False, actor: str
    ) -> Verified: ...


@dataclass(frozen=True)
class Upkeep:
    """The keepers of a store's files, one callable each."""

    report: Callable[[JobStore, str], str]
    leftovers: Callable[[JobStore], list[Leftover]]
    verify: Verify = verify
    audit: Callable[[JobStore, str], list[str]] = lambda store, job_id: audit(
        store, job_id, destination=destination_of(store.job(job_id))
    )
    remove: Callable[[Sequence[Leftover]], int] = remove


def upkeep_in(scratch: Path, report: Callable[[JobStore, str], str]) -> Upkeep:
    """The real thing, for a process whose sessions use this scratch folder."""
    files = new_publisher()
    return Upkeep(
        report,
        lambda store: find_leftovers(store, scratch=scratch, alive=is_alive, files=files),
        audit=lambda store, job_id: audit(
            store, job_id, destination=destination_of(store.job(job_id)), files=files
        ),
        remove=lambda leftovers: remove(leftovers, files=files),
    )


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
