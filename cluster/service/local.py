"""`local_job_service`: the API on this machine's own store, for when no service is up."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.batch.planning import plan_on
from giornata.cluster.reporting.html import render_report
from giornata.cluster.service.job_service import Accept, JobService
from giornata.cluster.service.maintenance import maintenance_tools_in
from giornata.cluster.service.schemas.base import Role
from giornata.cluster.settings import STORE_NAME, home_folder
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher


@contextmanager
def local_job_service() -> Iterator[JobService]:
    """Open the store that `GIORNATA_DATABASE` or `GIORNATA_HOME` names. Raises `StoreUnavailable`."""
    home = home_folder()
    home.mkdir(parents=True, exist_ok=True)
    with JobStore(database_location(home)) as store:
        yield job_service_on(store)


def job_service_on(
    store: JobStore,
    *,
    accept: Accept | None = None,
    role: Callable[[], Role] = lambda: Role.ACTIVE,
    scratch: Path | None = None,
) -> JobService:
    """The job service of a store, with the user's styles and the real maintenance tools."""
    scratch = scratch or scratch_folder()
    return JobService(
        store,
        InstalledStyles(user_library()),
        new_publisher(store.deliveries.put_at),
        maintenance_tools_in(scratch, lambda store, job_id: render_report(store, job_id, scratch=scratch)),
        accept or store.jobs.create,
        lambda spec, base: plan_on(store, spec, base),
        role=role,
    )


def database_location(home: Path, given: str | None = None) -> str | Path:
    """The store: as given, that of `GIORNATA_DATABASE`, or the file in `home`."""
    return given or os.environ.get("GIORNATA_DATABASE") or home / STORE_NAME


def scratch_folder() -> Path:
    """Where sessions keep their scratch."""
    return Path(os.environ.get("GIORNATA_SCRATCH") or home_folder() / "scratch").expanduser()
