"""`Listing`: jobs of a service are listed one after the other, while those that are listed run."""

import queue
import threading

from giornata.jobs.errors import AccessRefused, JobError, PlaceAway, PlaceBusy, StoreUnavailable
from giornata.jobs.ledger import MANAGER
from giornata.jobs.listing import REJECTED, Lister
from giornata.jobs.outcome import one_line
from giornata.jobs.states import JobEvent, JobState
from giornata.jobs.store import JobStore

WAIT_S = 15.0  # before a bucket that could not be listed is asked again


class Listing(threading.Thread):
    """Lists the jobs it is handed, one after the other, beside the manager's loop."""

    def __init__(self, lister: Lister, store: JobStore) -> None:
        super().__init__(name="lister", daemon=True)
        self._lister, self._store = lister, store
        self._wanted: queue.Queue[str | None] = queue.Queue()
        self._known: set[str] = set()
        self._ended = threading.Event()

    def want(self, job_id: str) -> None:
        """List this job, unless it is in line already."""
        if not self.is_alive():
            self.start()
        if job_id not in self._known:
            self._known.add(job_id)
            self._wanted.put(job_id)

    def run(self) -> None:
        """List until told to end."""
        while (job_id := self._wanted.get()) is not None and not self._ended.is_set():
            self._list(job_id)
            self._known.discard(job_id)

    def end(self) -> None:
        """Stop between two batches, and wait for that."""
        self._ended.set()
        self._wanted.put(None)
        if self.is_alive():
            self.join()

    def _list(self, job_id: str) -> None:
        try:
            self._lister.list_job(job_id, stop=self._ended.is_set)
        except StoreUnavailable:
            return  # the manager asks again as long as the job is unlisted
        except (PlaceBusy, PlaceAway, AccessRefused) as problem:
            self._store.note("listing_waits", actor=MANAGER, detail=str(problem), job_id=job_id)
            self._ended.wait(WAIT_S)
            return
        except Exception as problem:
            known = isinstance(problem, JobError | OSError)
            self.reject(job_id, str(problem) if known else f"{type(problem).__name__}: {problem}")

    def reject(self, job_id: str, words: str) -> None:
        """End a job whose inputs cannot be listed."""
        if self._store.snapshot(job_id).state is JobState.LISTING:
            self._store.move_job(job_id, JobEvent.REJECT, reason=REJECTED + " · ".join(words.splitlines()))
        else:
            self._store.move_job(job_id, JobEvent.FAIL, reason=REJECTED + one_line(words))
