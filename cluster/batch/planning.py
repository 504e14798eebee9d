"""Planning a batch on the store of this machine, before anything costs."""

import sys
from pathlib import Path

from giornata.cluster.batch.catalog import InstalledStyles, cost_on, user_library
from giornata.cluster.settings import STORE_NAME, Machine, home_folder
from giornata.jobs.manager.timing import Backoff, Retrying, at_once
from giornata.jobs.planning.estimate import PlanReport, plan
from giornata.jobs.spec.collection import Price
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore
from giornata.workers.decoding.measure import ImageSizer
from giornata.workers.storage.publisher import new_publisher

MEASURED = 10_000  # images; beyond that they are taken to be alike


def say(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{line}\n")


def make_plan(
    spec: JobSpec, base: Path, *, price: Price | None = None, measured: int = MEASURED
) -> PlanReport:
    """Plan `spec` with real headers and what was delivered before. Raises `PlanRefused`, `JobError`.

    So many pictures are `measured`, which only the estimate needs. A bucket that asks to slow down is waited
    for.
    """
    home = home_folder()
    home.mkdir(parents=True, exist_ok=True)
    with JobStore(home / STORE_NAME) as store:
        return plan_on(store, spec, base, price=price, measured=measured, ask=Backoff(say))


def plan_on(
    store: JobStore,
    spec: JobSpec,
    base: Path,
    *,
    price: Price | None = None,
    measured: int = MEASURED,
    ask: Retrying = at_once,
) -> PlanReport:
    """Plan `spec` with what `store` says was delivered before. Raises `PlanRefused`, `JobError`."""
    files = new_publisher(store.deliveries.put_at, ask=ask)
    with ImageSizer(files.stores, spec.storage) as measure:
        is_resumed = store.jobs.find(spec, base=base) is not None
        return plan(
            spec,
            base=base,
            styles=InstalledStyles(user_library()),
            measure=measure,
            cost=cost_on(Machine.detect().cpus),
            price=price,
            # A batch that goes on meets its own outputs.
            is_ours=(lambda _: True) if is_resumed else store.deliveries.owns,
            files=files,
            measure_limit=measured,
        )
