"""`JobApi`: the interface of a job manager, whether it is in this process or behind a URL."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from giornata.cluster.service.schemas.base import Health
from giornata.cluster.service.schemas.jobs import (
    AttemptList,
    Changed,
    ItemPage,
    ItemView,
    JobDetail,
    JobPage,
    JobView,
    Submitted,
)
from giornata.cluster.service.schemas.service import Cleaned, EventPage, Recovered, VerifiedView, WorkerList
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.spec.job import JobSpec

PRIORITY = 50  # of a job that nobody gave one; 0 to 100, the highest first
LOST = (ItemState.FAILED, ItemState.QUARANTINED)


class JobApi(Protocol):
    """The operations on jobs, items, workers and files.

    In this process they raise `UnknownJob`, `UnknownItem`, `UnknownWorker`, `IllegalTransition`,
    `InvalidParameter` and `StoreUnavailable`; behind a URL `ServiceRefused` and `ServiceUnreachable`.
    """

    def submit(
        self,
        spec: JobSpec,
        *,
        base: Path,
        client_token: str = "",
        priority: int = PRIORITY,
        max_workers: int | None = None,
    ) -> Submitted:
        """Store a job; the same token, or the same batch while it has not ended, is the same job.

        `base` is a folder on the machine that serves. Raises `PlanRefused` for what can be seen without
        listing.
        """

    def plan(self, spec: JobSpec, *, base: Path) -> PlanReport:
        """What a job would do; nothing is stored. Raises `PlanRefused`."""

    def jobs(
        self, *, states: Collection[JobState] | None = None, after: str | None = None, limit: int = 100
    ) -> JobPage:
        """Jobs, the newest first."""

    def job(self, job_id: str) -> JobDetail:
        """One job with its spec."""

    def follow(self, job_id: str) -> Iterator[JobView]:
        """The job now, and again whenever it has changed, at most once a second, until it has ended."""

    def items(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] | None = None,
        classes: Collection[OutcomeClass] | None = None,
        after: str | None = None,
        limit: int = 200,
    ) -> ItemPage:
        """Items in order, all or those in these states and of these outcome classes."""

    def item(self, job_id: str, item_id: str) -> ItemView:
        """One item."""

    def attempts(self, job_id: str, item_id: str) -> AttemptList:
        """The attempts of an item that failed or were tried again."""

    def pause(self, job_id: str) -> JobView:
        """Let running items end and start no others."""

    def resume(self, job_id: str) -> JobView:
        """Go on with a paused job."""

    def cancel(self, job_id: str) -> JobView:
        """Stop at the next tile, and render nothing more."""

    def retry(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] = LOST,
        classes: Collection[OutcomeClass] | None = None,
        items: Collection[str] | None = None,
    ) -> Changed:
        """Put items back in the queue with a clean record; an ended job goes on."""

    def skip(self, job_id: str, items: Collection[str], *, reason: str = "") -> Changed:
        """Leave these items out."""

    def set_job(
        self,
        job_id: str,
        *,
        priority: int | None = None,
        max_workers: int | None = None,
        unlimited: bool = False,
    ) -> JobView:
        """Change what a job may take; `unlimited` takes its `max_workers` away."""

    def verify(self, job_id: str, *, repair: bool = False) -> VerifiedView:
        """Read every delivered file again; `repair` queues what is missing or damaged."""

    def report(self, job_id: str) -> str:
        """One self-contained HTML page about a job."""

    def workers(self) -> WorkerList:
        """The workers, and what keeps work from them."""

    def drain(self, worker: str, *, reason: str = "") -> WorkerList:
        """Let a worker end what it has, then replace it."""

    def block(self, worker: str, *, reason: str = "") -> WorkerList:
        """Give a worker no more work."""

    def unblock(self, worker: str) -> WorkerList:
        """Give a worker work again."""

    def recover(self) -> Recovered:
        """Take jobs over from a manager that died, and audit all jobs."""

    def gc(self, *, dry_run: bool = True) -> Cleaned:
        """Find, and unless `dry_run` remove, what dead processes left behind."""

    def events(
        self,
        *,
        job_id: str | None = None,
        after: str | None = None,
        kinds: Collection[str] | None = None,
        limit: int = 200,
    ) -> EventPage:
        """Who did what when, in order."""

    def health(self) -> Health:
        """Whether the service manages the store."""
