"""`giornata doctor`: every check with its verdict."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from giornata.cluster.catalogue import user_library
from giornata.cluster.cli.exits import Exit
from giornata.cluster.doctor import Verdict, examine, worst
from giornata.cluster.settings import Machine, settings_for

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAIL: "red"}


def verify_styles() -> str:
    """A summary of the library, or a `ValueError` that names the first broken style."""
    verdicts = user_library().verify()
    for verdict in verdicts:
        if verdict.problem:
            raise ValueError(f"{verdict.name}: {verdict.problem}")
    return f"{len(verdicts)} styles, all weights as their cards say"


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check Python, torch, Ray, libvips, SQLite, folders, disks and styles."""
    settings = settings_for(Machine.detect())
    checks = examine(settings, verify_styles=verify_styles)
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks]) + "\n")
    else:
        console = Console(highlight=False, soft_wrap=True)
        for check in checks:
            colour = COLOURS[check.verdict]
            console.print(f"[{colour}]{check.verdict.value:<8}[/] {check.name:<14} ", end="")
            console.print(check.detail, markup=False)
    if worst(checks) is Verdict.FAIL:
        raise typer.Exit(Exit.FAILED)
