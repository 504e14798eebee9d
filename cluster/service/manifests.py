"""`Manifests`: writes the manifest of a job beside its outputs when it has ended, beside the manager."""

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from giornata.cluster.handover import deliver_papers
from giornata.jobs.errors import JobError
from giornata.jobs.model.attempt import Claim, Outcome, one_line
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.retry import Decision
from giornata.jobs.storage.base import Files
from giornata.jobs.storage.local import LocalFiles
from giornata.jobs.store.store import JobStore
from giornata.workers.errors import RenderError

WRITER = "manifest"  # who did it, in the events


class Manifests:
    """A `Progress`; inside its `with` manifests are written one after the other, and all before its end."""

    def __init__(self, store: JobStore, files: Files | None = None) -> None:
        self._store, self._files = store, files or LocalFiles()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="manifests")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()

    def on_job(self, snapshot: JobSnapshot) -> None:
        """A job that has ended, and rendered anything, gets its manifest."""
        if snapshot.state.is_terminal and snapshot.settled:
            self._writer.submit(self._write, snapshot.job_id)

    def on_outcome(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        """Nothing."""

    def _write(self, job_id: str) -> None:
        try:
            deliver_papers(self._store, job_id, self._files)
        except (JobError, RenderError, OSError) as error:
            self._store.note("manifest_failed", actor=WRITER, detail=one_line(str(error)), job_id=job_id)
