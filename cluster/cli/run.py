"""`giornata run`: a whole batch in one process. `giornata plan`: what it would do, before anything costly."""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.batch.planning import make_plan, say
from giornata.cluster.batch.run import BatchResult, carry_out
from giornata.cluster.cli.exits import code_of_state
from giornata.cluster.cli.options import EndpointUrl, MemoryLimit, load_spec_at
from giornata.cluster.reporting.formatting import duration
from giornata.jobs.manager.timing import Backoff
from giornata.jobs.model.states import JobState
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.collection import Price
from giornata.workers.storage.router import StorageRouter

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    spec_path: Annotated[Path, typer.Argument(metavar="SPEC", help="a batch in YAML or JSON")],
    workers: Annotated[int | None, typer.Option(min=1, help="one a core or GPU if left out")] = None,
    address: Annotated[str | None, typer.Option(help="a Ray cluster; an embedded one if left out")] = None,
    endpoint_url: EndpointUrl = None,
    memory: MemoryLimit = None,
    as_json: Annotated[bool, typer.Option("--json", help="events and result as JSON lines")] = False,
) -> None:
    """Render a batch. Interrupted, the same command goes on where it stopped."""
    spec = load_spec_at(spec_path, endpoint_url)
    result = carry_out(
        spec,
        spec_path.absolute().parent,
        workers=workers,
        memory_bytes=memory,
        address=address,
        as_json=as_json,
    )
    print_result(result, again=f"giornata run {spec_path}", as_json=as_json)
    raise typer.Exit(code_of_state(result.state))


def print_result(result: BatchResult, *, again: str, as_json: bool) -> None:
    """Print how a batch ended, for people or as JSON."""
    if as_json:
        sys.stdout.write(json.dumps(as_data(result)) + "\n")
        return
    if result.is_idle:
        sys.stdout.write("nothing new: every output was delivered before\n")
    for cause in result.summary.causes:
        sys.stdout.write(f"{cause.count} × {cause.outcome_class}:\n")
        for item in cause.samples:
            sys.stdout.write(f"  {item.source} ({item.style_label}): {item.reason}\n")
    if result.state is JobState.PAUSED:
        sys.stdout.write(f"paused: {result.reason}. Go on with: {again}\n")
    elif not result.state.is_terminal:
        sys.stdout.write(f"stopped; nothing is lost. Go on with: {again}\n")
    elif result.reason:
        sys.stdout.write(f"{result.state}: {result.reason}\n")
    if result.manifests:
        folder, _, name = result.manifests[0].rpartition("/")
        sys.stdout.write(f"outputs and manifest: {folder} ({name}, manifest.json)\n")


def as_data(result: BatchResult) -> dict[str, object]:
    """The result as plain data."""
    snapshot = result.summary.snapshot
    return {
        "event": "ended",
        "job": result.job_id,
        "state": result.state.value,
        "reason": result.reason,
        "counts": {state.value: count for state, count in snapshot.counts.items()},
        "manifest": result.manifests[1] if result.manifests else None,
    }


plan_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
LEAST_PRICE = 0.005


@plan_app.command()
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
    styles = InstalledStyles(user_library())
    tasks = islice(expand(spec, base=base, styles=styles, stores=StorageRouter(ask=Backoff(say))), names)
    first = [task.target for task in tasks]
    if as_json:
        sys.stdout.write(json.dumps({**report.model_dump(mode="json"), "first_targets": first}) + "\n")
        return
    show(report, first)


def _price(report: PlanReport) -> dict[str, str]:
    """The price of the time, if an hourly price is given."""
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
