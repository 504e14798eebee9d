"""`giornata plan`: what a batch would do, before anything costly."""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from giornata.cluster.batch.catalog import LibraryStyles, user_library
from giornata.cluster.batch.planning import make_plan, say
from giornata.cluster.cli.options import EndpointUrl, load_spec_at
from giornata.cluster.reporting.formatting import duration
from giornata.jobs.manager.timing import Patience
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.collection import Price
from giornata.workers.storage.router import AllPlaces

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
LEAST_PRICE = 0.005


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
