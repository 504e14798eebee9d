"""`giornata plan`: what a batch would do, before anything costly."""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from giornata.cluster.catalogue import LibraryStyles, user_library
from giornata.cluster.cli.endpoint import EndpointUrl, load_spec_at
from giornata.cluster.cost import cost_on
from giornata.cluster.reporting.wording import duration
from giornata.cluster.settings import Machine, home_folder
from giornata.jobs.manager.timing import Ask, Patience, at_once
from giornata.jobs.planning.estimate import PlanReport, plan
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.collection import Price
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore
from giornata.workers.decoding.measure import NearMeasure
from giornata.workers.storage.publisher import new_publisher
from giornata.workers.storage.router import AllPlaces

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
STORE_NAME = "jobs.sqlite"
LEAST_PRICE = 0.005
MEASURED = 10_000  # pictures; beyond that they are taken to be alike


def say(line: str) -> None:
    """One line for people, whatever the results are written for."""
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
        return plan_on(store, spec, base, price=price, measured=measured, ask=Patience(say))


def plan_on(
    store: JobStore,
    spec: JobSpec,
    base: Path,
    *,
    price: Price | None = None,
    measured: int = MEASURED,
    ask: Ask = at_once,
) -> PlanReport:
    """Plan `spec` with what `store` says was delivered before. Raises `PlanRefused`, `JobError`."""
    files = new_publisher(store.put_at, ask=ask)
    with NearMeasure(files.places, spec.storage) as measure:
        known = store.find_job(spec, base=base) is not None
        return plan(
            spec,
            base=base,
            styles=LibraryStyles(user_library()),
            measure=measure,
            cost=cost_on(Machine.detect().cpus),
            price=price,
            # A batch that goes on meets its own outputs.
            ours=(lambda _: True) if known else store.owns,
            files=files,
            measure_limit=measured,
        )


@app.command()
def plan_command(
    spec_path: Annotated[Path, typer.Argument(metavar="SPEC", help="a batch in YAML or JSON")],
    names: Annotated[int, typer.Option(min=0, help="how many output names to show")] = 10,
    price_per_hour: Annotated[float | None, typer.Option(min=0, help="what an hour here costs")] = None,
    endpoint_url: EndpointUrl = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Expand a batch, check every name, and estimate the work. Renders nothing."""
    spec, base = load_spec_at(spec_path, endpoint_url), spec_path.absolute().parent
    currency = spec.price.currency if spec.price else ""
    price = None if price_per_hour is None else Price(per_hour=price_per_hour, currency=currency)
    report = make_plan(spec, base, price=price)
    styles = LibraryStyles(user_library())
    tasks = islice(expand(spec, base=base, styles=styles, places=AllPlaces(ask=Patience(say))), names)
    first = [task.target for task in tasks]
    if as_json:
        sys.stdout.write(json.dumps({**report.model_dump(mode="json"), "first_targets": first}) + "\n")
        return
    show(report, first)


def _price(report: PlanReport) -> dict[str, str]:
    """What the time costs, if somebody said what an hour does."""
    if report.price is None:
        return {}
    amount = "less than 0.01" if report.price < LEAST_PRICE else f"about {report.price:.2f}"
    return {"price": f"{amount} {report.currency}".rstrip()}


def show(report: PlanReport, first: list[str]) -> None:
    """The plan as a table."""
    table = Table(title=f"plan of {report.name}", show_header=False, title_justify="left")
    estimate = "unknown" if report.estimated_s is None else f"about {duration(report.estimated_s)} here"
    rows = {
        "pictures": report.pictures,
        "outputs": report.items,
        "styled pictures": report.masters,
        "already delivered": report.delivered,
        "tiles": report.tiles,
        "pixels": f"{report.pixels / 1e6:.1f} Mpx",
        "time": estimate,
        **_price(report),
        **({"enlarged outputs": report.enlarged} if report.enlarged else {}),
        "unreadable": report.unreadable_total,
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for source in report.unreadable:
        console.print(f"unreadable: {source}", markup=False)
    for target in first:
        console.print(target, markup=False)
