"""`giornata verify`, `report`, `recover` and `gc`: look after delivered and leftover files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from giornata.atomic_file import atomic_write
from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.options import AsJson, Job, TokenFile, Url, Yes, agree, command_app, connect_api
from giornata.cluster.cli.output import write_json, write_rows
from giornata.cluster.service.schemas.service import VerifiedView

verify_app, report_app, recover_app, gc_app = command_app(), command_app(), command_app(), command_app()


@verify_app.command()
def verify(
    job: Job,
    repair: Annotated[bool, typer.Option("--repair", help="render again what is amiss")] = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Read every delivered file again and compare it with its record."""
    with connect_api(url, token_file) as api:
        result = api.verify(job, repair=repair)
    if as_json:
        write_json(result)
    else:
        _print_verified(result)
    if not result.is_whole:
        raise typer.Exit(Exit.FAILED)


@report_app.command()
def report(
    job: Job,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="JOB.html, or - for here")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the file")] = False,
    url: Url = None,
    token_file: TokenFile = None,
) -> None:
    """Write one self-contained HTML page about a job."""
    place = output or Path(f"{job}.html")
    if str(place) != "-" and place.exists() and not force:
        raise CommandRefused(f"{place} exists, needed --force to replace it", Exit.REJECTED)
    with connect_api(url, token_file) as api:
        page = api.report(job)
    if str(place) == "-":
        sys.stdout.write(page)
        return
    with atomic_write(place) as part:
        part.write_text(page, encoding="utf-8")
    sys.stdout.write(f"{place}\n")


@recover_app.command()
def recover(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Take over what a dead manager left, and audit all jobs."""
    with connect_api(url, token_file) as api:
        recovery = api.recover()
    if as_json:
        write_json(recovery)
    else:
        for job_id in recovery.taken_over:
            sys.stdout.write(f"taken over: {job_id}\n")
        for finding in recovery.findings:
            sys.stdout.write(f"{finding.job_id}: {finding.words}\n")
        sys.stdout.write(f"{len(recovery.taken_over)} jobs taken over, {len(recovery.findings)} findings\n")
    if recovery.findings:
        raise typer.Exit(Exit.FAILED)


@gc_app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    yes: Yes = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove what dead processes left behind."""
    with connect_api(url, token_file) as api:
        cleanup = api.gc(dry_run=True)
        if not dry_run and cleanup.leftovers:
            agree(f"remove {len(cleanup.leftovers)} leftovers", yes=yes)
            cleanup = api.gc(dry_run=False)
    if as_json:
        write_json(cleanup)
        return
    write_rows(
        ("PATH", "BYTES", "WHY"),
        ((leftover.path, leftover.bytes, leftover.why) for leftover in cleanup.leftovers),
    )
    sys.stdout.write(f"{cleanup.removed} of {len(cleanup.leftovers)} removed\n")


def _print_verified(result: VerifiedView) -> None:
    for kind, lines in (("missing", result.missing), ("damaged", result.damaged), ("stray", result.strays)):
        for line in lines:
            sys.stdout.write(f"{kind}: {line}\n")
    again = f", {result.reopened} queued again" if result.reopened else ""
    sys.stdout.write(f"{result.intact} of {result.checked} delivered files are intact{again}\n")
