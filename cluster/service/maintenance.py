"""Verify, recover and clean, as the API offers them, with tools that can be replaced (`MaintenanceTools`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giornata.cluster.service.schemas.service import Cleaned, Finding, LeftoverView, Recovered, VerifiedView
from giornata.jobs.maintenance.audit import audit
from giornata.jobs.maintenance.gc import Garbage, find_leftovers, remove
from giornata.jobs.maintenance.verify import Verified
from giornata.jobs.maintenance.verify import verify as verify_outputs
from giornata.jobs.manager.recovery import take_over
from giornata.jobs.model.states import JobEvent, JobState
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import destination_of
from giornata.jobs.store.store import JobStore
from giornata.process import is_process_alive
from giornata.workers.storage.publisher import new_publisher


class Verify(Protocol):
    """Reads every delivered file of a job again."""

    def __call__(
        self, store: JobStore, publisher: Publisher, job_id: str, *, repair: bool = False, actor: str
    ) -> Verified: ...


@dataclass(frozen=True)
class MaintenanceTools:
    """What looks after a store's files, one callable each."""

    report: Callable[[JobStore, str], str]
    leftovers: Callable[[JobStore], list[Garbage]]
    verify: Verify = verify_outputs
    audit: Callable[[JobStore, str], list[str]] = lambda store, job_id: audit(
        store, job_id, destination=destination_of(store.jobs.get(job_id))
    )
    remove: Callable[[Sequence[Garbage]], int] = remove


def maintenance_tools_in(scratch: Path, report: Callable[[JobStore, str], str]) -> MaintenanceTools:
    """The real tools, for a process whose sessions use this scratch folder."""
    files = new_publisher()
    return MaintenanceTools(
        report,
        lambda store: find_leftovers(store, scratch=scratch, alive=is_process_alive, files=files),
        audit=lambda store, job_id: audit(
            store, job_id, destination=destination_of(store.jobs.get(job_id)), files=files
        ),
        remove=lambda leftovers: remove(leftovers, files=files),
    )


_LEFT_BY = {
    JobState.RUNNING: JobEvent.INTERRUPT,
    JobState.PAUSING: JobEvent.DRAIN,
    JobState.CANCELLING: JobEvent.DRAIN,
}


def verify(
    store: JobStore,
    publisher: Publisher,
    tools: MaintenanceTools,
    job_id: str,
    *,
    repair: bool,
    actor: str,
) -> VerifiedView:
    """Read every delivered file of a job again, and queue missing or damaged ones when `repair`."""
    store.jobs.snapshot(job_id)
    view = VerifiedView.model_validate(tools.verify(store, publisher, job_id, repair=repair, actor=actor))
    detail = f"{view.intact} of {view.checked} intact, {view.reopened} queued again"
    store.events.append("verify", actor=actor, detail=detail, job_id=job_id)
    return view


def recover(store: JobStore, publisher: Publisher, tools: MaintenanceTools, *, actor: str) -> Recovered:
    """Take over what a dead manager left, when no manager is alive, and audit every job."""
    lock = store.manager_lock()
    orphans: list[str] = []
    if lock.acquire(exclusive=True):
        try:
            orphans = [job_id for job_id in store.jobs.ids() if _take(store, publisher, job_id, actor)]
        finally:
            lock.release()
    findings = [
        Finding(job_id=job_id, words=message)
        for job_id in store.jobs.ids()
        for message in tools.audit(store, job_id)
    ]
    store.events.append("recover", actor=actor, detail=f"{len(orphans)} taken over, {len(findings)} findings")
    return Recovered(taken_over=tuple(orphans), findings=tuple(findings))


def clean(store: JobStore, tools: MaintenanceTools, *, dry_run: bool, actor: str) -> Cleaned:
    """Find what dead processes left behind, and remove it unless `dry_run`."""
    leftovers = tools.leftovers(store)
    removed = 0 if dry_run else tools.remove(leftovers)
    if removed:
        store.events.append("gc", actor=actor, detail=f"{removed} leftovers removed")
    views = (
        LeftoverView(path=str(leftover.path), bytes=leftover.bytes, why=leftover.why)
        for leftover in leftovers
    )
    return Cleaned(leftovers=tuple(views), removed=removed)


def _take(store: JobStore, publisher: Publisher, job_id: str, actor: str) -> bool:
    state = store.jobs.snapshot(job_id).state
    if state not in _LEFT_BY:
        return False
    take_over(store, publisher, job_id)
    if state is JobState.CANCELLING:
        store.items.cancel(job_id)
    store.jobs.move(job_id, _LEFT_BY[state], actor=actor, reason="its manager died")
    return True
