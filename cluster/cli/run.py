"""`giornata run`: a whole batch in one process on an embedded Ray, or on a cluster."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from giornata.cluster.batch.run import Ending, carry_out
from giornata.cluster.cli.exits import code_of_state
from giornata.cluster.cli.options import EndpointUrl, MemoryLimit, load_spec_at
from giornata.jobs.model.states import JobState

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
    ending = carry_out(
        spec,
        spec_path.absolute().parent,
        workers=workers,
        memory_bytes=memory,
        address=address,
        as_json=as_json,
    )
    tell(ending, again=f"giornata run {spec_path}", as_json=as_json)
    raise typer.Exit(code_of_state(ending.state))


def tell(ending: Ending, *, again: str, as_json: bool) -> None:
    """The last words of a batch."""
    if as_json:
        sys.stdout.write(json.dumps(as_data(ending)) + "\n")
        return
    if ending.is_idle:
        sys.stdout.write("nothing new: every output was delivered before\n")
    for cause in ending.summary.causes:
        sys.stdout.write(f"{cause.count} × {cause.outcome_class}:\n")
        for item in cause.samples:
            sys.stdout.write(f"  {item.source} ({item.style_label}): {item.reason}\n")
    if ending.state is JobState.PAUSED:
        sys.stdout.write(f"paused: {ending.reason}. Go on with: {again}\n")
    elif not ending.state.is_terminal:
        sys.stdout.write(f"stopped; nothing is lost. Go on with: {again}\n")
    elif ending.reason:
        sys.stdout.write(f"{ending.state}: {ending.reason}\n")
    if ending.manifests:
        folder, _, name = ending.manifests[0].rpartition("/")
        sys.stdout.write(f"outputs and manifest: {folder} ({name}, manifest.json)\n")


def as_data(ending: Ending) -> dict[str, object]:
    """The result as plain data."""
    snapshot = ending.summary.snapshot
    return {
        "event": "ended",
        "job": ending.job_id,
        "state": ending.state.value,
        "reason": ending.reason,
        "counts": {state.value: count for state, count in snapshot.counts.items()},
        "manifest": ending.manifests[1] if ending.manifests else None,
    }
