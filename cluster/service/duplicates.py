"""Live jobs of a store, and the one among them that a submission repeats."""

from collections.abc import Iterator
from pathlib import Path

from giornata.cluster.service import validation
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import JobLine
from giornata.jobs.store.store import JobStore

LIVE = tuple(state for state in JobState if not state.is_terminal)


def live_jobs(store: JobStore) -> Iterator[JobLine]:
    """Every job that has not ended, the newest first."""
    after: str | None = None
    while lines := store.jobs.page(states=LIVE, after=after, limit=validation.LIMIT):
        yield from lines
        after = lines[-1].job_id


def find(store: JobStore, spec: JobSpec, *, base: Path, token: str, owner: str) -> str | None:
    """The job of this token, or without one the job with the same spec that goes on.

    Raises `InvalidParameter`.
    """
    if token:
        return store.jobs.by_token(validation.name_of("client_token", token), owner)
    identity = (spec.name, spec.digest(base=base))
    same = (line.job_id for line in live_jobs(store) if (line.name, line.spec_digest) == identity)
    return next(same, None)
