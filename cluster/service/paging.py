"""Iterators over all pages of jobs and items."""

from collections.abc import Collection, Iterator

from giornata.cluster.service.api import JobApi
from giornata.cluster.service.schemas.jobs import ItemView, JobView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState


def all_jobs(api: JobApi, *, states: Collection[JobState] | None = None) -> Iterator[JobView]:
    """Every job, the newest first."""
    after: str | None = None
    while True:
        page = api.jobs(states=states, after=after)
        yield from page.jobs
        after = page.next
        if after is None:
            return


def all_items(
    api: JobApi,
    job_id: str,
    *,
    states: Collection[ItemState] | None = None,
    classes: Collection[OutcomeClass] | None = None,
) -> Iterator[ItemView]:
    """Every item of a job in order."""
    after: str | None = None
    while True:
        page = api.items(job_id, states=states, classes=classes, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return
