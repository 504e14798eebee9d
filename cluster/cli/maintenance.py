"""The verbs that look after files: verify, report, recover, gc."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.options import AsJson, Job, TokenFile, Url, Yes, agree, reached, verb
from giornata.cluster.cli.output import write_json, write_rows
from giornata.cluster.service.schemas.service import VerifiedView

verify_app, report_app, recover_app, gc_app = verb(), verb(), verb(), verb()


@verify_app.command()
def verify(
    job: Job,
    repair: Annotated[bool, typer.Option("--repair", help="render again what is amiss")] = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Read every delivered file again and compare it with its record."""
    with reached(url, token_file) as verbs:
        found = verbs.verify(job, repair=repair)
    if as_json:
        write_json(found)
    else:
        _tell(found)
    if not found.is_whole:
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
    with reached(url, token_file) as verbs:
        page = verbs.report(job)
    if str(place) == "-":
        sys.stdout.write(page)
        return
    temporary = place.with_name(f".giornata-{place.name}.part")
    temporary.write_text(page, encoding="utf-8")
    os.replace(temporary, place)  # noqa: PTH105 - says what it does
    sys.stdout.write(f"{place}\n")


@recover_app.command()
def recover(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Take over what a dead manager left, and audit all jobs."""
    with reached(url, token_file) as verbs:
        found = verbs.recover()
    if as_json:
        write_json(found)
    else:
        for job_id in found.taken_over:
            sys.stdout.write(f"taken over: {job_id}\n")
        for finding in found.findings:
            sys.stdout.write(f"{finding.job_id}: {finding.words}\n")
        sys.stdout.write(f"{len(found.taken_over)} jobs taken over, {len(found.findings)} findings\n")
    if found.findings:
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
    with reached(url, token_file) as verbs:
        found = verbs.gc(dry_run=True)
        if not dry_run and found.leftovers:
            agree(f"remove {len(found.leftovers)} leftovers", yes=yes)
            found = verbs.gc(dry_run=False)
    if as_json:
        write_json(found)
        return
    write_rows(("PATH", "BYTES", "WHY"), ((one.path, one.bytes, one.why) for one in found.leftovers))
    sys.stdout.write(f"{found.removed} of {len(found.leftovers)} removed\n")


def _tell(found: VerifiedView) -> None:
    for kind, lines in (("missing", found.missing), ("damaged", found.damaged), ("stray", found.strays)):
        for line in lines:
            sys.stdout.write(f"{kind}: {line}\n")
    again = f", {found.reopened} queued again" if found.reopened else ""
    sys.stdout.write(f"{found.intact} of {found.checked} delivered files are intact{again}\n")
