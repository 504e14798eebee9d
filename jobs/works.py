"""Work on large pictures that outlives its process: where it lies, whose it is, and who still wants it."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.claim import Claim
from giornata.jobs.errors import UnknownItem
from giornata.jobs.outcome import Outcome
from giornata.jobs.ports import JobSnapshot
from giornata.jobs.retry import Decision
from giornata.jobs.states import JobState
from giornata.jobs.store import JobStore

PICTURES = "pictures"  # the folder for it, inside the scratch folder
OWNER = "owner.json"  # who works on a picture, written by workers


_CANCELLED = (JobState.CANCELLING, JobState.CANCELLED)  # whatever its dead manager left leased


@dataclass(frozen=True)
class Work:
    """A folder with unfinished work on one item, the process that had it last, and how long it is quiet."""

    path: Path
    item_id: str
    pid: int
    quiet_s: float


def works_in(scratch: Path) -> Iterator[Work]:
    """All there is in a scratch folder, in no order; what cannot be read is passed over."""
    for record in (scratch / PICTURES).glob(f"*/{OWNER}"):
        try:
            owner = json.loads(record.read_text())
            quiet_s = time.time() - max(path.stat().st_mtime for path in (record, record.parent))
            yield Work(record.parent, str(owner["item_id"]), int(owner["pid"]), quiet_s)
        except (OSError, ValueError, KeyError, TypeError):
            continue


def is_wanted(store: JobStore, item_id: str) -> bool | None:
    """Whether some job will render this item; None when no job knows it."""
    known = False
    for job_id in store.job_ids():
        try:
            at_rest = store.item(job_id, item_id).state.is_terminal
            if not at_rest and store.snapshot(job_id).state not in _CANCELLED:
                return True
            known = True
        except UnknownItem:
            continue
    return False if known else None


class Clearing:
    """A `Progress` that removes the work on items that have come to their end."""

    def __init__(self, store: JobStore, scratch: Path) -> None:
        self._store, self._scratch = store, scratch

    def on_job(self, snapshot: JobSnapshot) -> None:
        """Of a job that is over no work is wanted, unless another job makes the same."""
        if snapshot.state.is_terminal:
            for work in works_in(self._scratch):
                if is_wanted(self._store, work.item_id) is False:
                    shutil.rmtree(work.path, ignore_errors=True)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Delivered, or failed for good."""
        if decision.state.is_terminal:
            for folder in (self._scratch / PICTURES).glob(f"{claim.task.item_id}-*"):
                shutil.rmtree(folder, ignore_errors=True)
