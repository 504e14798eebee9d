"""`giornata submit`: hand a batch to the service, and wait for it if asked."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from giornata.cluster.cli.endpoint import EndpointUrl, load_spec_at
from giornata.cluster.cli.plan import show as show_plan
from giornata.cluster.cli.reach import AsJson, TokenFile, Url, reached, verb
from giornata.cluster.cli.tables import write_json
from giornata.cluster.cli.waiting import Timeout, await_end, tell_end
from giornata.cluster.progress import choose_reporter
from giornata.cluster.service.verbs import PRIORITY

app = verb()


@app.command()
def submit(
    spec_path: Annotated[Path, typer.Argument(metavar="SPEC", help="a batch in YAML or JSON")],
    wait: Annotated[bool, typer.Option("--wait", help="until it has ended")] = False,
    timeout_s: Timeout = None,
    client_token: Annotated[str, typer.Option(help="the same word twice is the same job")] = "",
    priority: Annotated[int, typer.Option(min=0, max=100, help="the highest goes first")] = PRIORITY,
    max_workers: Annotated[int | None, typer.Option(min=1, help="at most so many at once")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would do")] = False,
    endpoint_url: EndpointUrl = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Hand a batch to the service; its relative paths start from the folder of SPEC."""
    spec, base = load_spec_at(spec_path, endpoint_url), spec_path.absolute().parent
    with reached(url, token_file, needs_service=not dry_run) as verbs:
        if dry_run:
            report = verbs.plan(spec, base=base)
            write_json(report) if as_json else show_plan(report, [])
            return
        submitted = verbs.submit(
            spec, base=base, client_token=client_token, priority=priority, max_workers=max_workers
        )
        job_id = submitted.job.job_id
        if not wait:
            write_json(submitted) if as_json else sys.stdout.write(job_id + "\n")
            return
        if not as_json:
            sys.stdout.write(job_id + "\n")
            sys.stdout.flush()
        reporter = None if as_json else choose_reporter(sys.stderr)
        ended = await_end(verbs, job_id, timeout_s=timeout_s, reporter=reporter)
    tell_end(ended, as_json=as_json)
