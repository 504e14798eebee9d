"""`giornata submit`, `watch` and `wait`: hand a batch to a service and follow it to its end."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from giornata.cluster.batch.progress import Reporter, choose_reporter
from giornata.cluster.cli.exits import CommandRefused, Exit, code_of_state
from giornata.cluster.cli.options import (
    AsJson,
    EndpointUrl,
    Job,
    TokenFile,
    Url,
    command_app,
    connect_api,
    load_spec_at,
)
from giornata.cluster.cli.output import write_json
from giornata.cluster.cli.run import show as show_plan
from giornata.cluster.errors import ServiceError
from giornata.cluster.service.api import PRIORITY, JobApi
from giornata.cluster.service.client import AWAY_S, may_pass
from giornata.cluster.service.rates import moment
from giornata.cluster.service.schemas.jobs import JobView

watch_app, wait_app = command_app(), command_app()
LOOK_S = 1.0
Timeout = Annotated[float | None, typer.Option("--timeout", min=0, help="seconds; then exit 101")]


@watch_app.command()
def watch(job: Job, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Follow a job until it ends."""
    with connect_api(url, token_file) as api:
        reporter = choose_reporter(sys.stdout, as_json=as_json)
        last = api.job(job).summary
        since = time.monotonic()
        for last in api.follow(job):
            reporter.show(moment(last, elapsed_s=time.monotonic() - since, listed=last.listed))
        reporter.finish(moment(last, elapsed_s=time.monotonic() - since, listed=True))
    raise typer.Exit(code_of_state(last.state, last.reason))


@wait_app.command()
def wait(
    job: Job,
    timeout_s: Timeout = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Wait for a job; the exit code says how it ended."""
    with connect_api(url, token_file) as api:
        view = await_end(api, job, timeout_s=timeout_s)
    print_end(view, as_json=as_json)


def await_end(
    api: JobApi, job_id: str, *, timeout_s: float | None, reporter: Reporter | None = None
) -> JobView:
    """The job when it has ended. Raises `CommandRefused` with `NOT_FINISHED` when that takes too long."""
    since = time.monotonic()
    seen_at: float | None = None
    while True:
        now = time.monotonic()
        try:
            view = api.job(job_id).summary
            seen_at = now
        except ServiceError as error:
            if seen_at is None or now - seen_at > AWAY_S or not may_pass(error):
                raise
        else:
            if reporter:
                reporter.show(moment(view, elapsed_s=now - since, listed=view.listed))
            if view.state.is_terminal:
                if reporter:
                    reporter.finish(moment(view, elapsed_s=now - since, listed=True))
                return view
        if timeout_s is not None and now - since >= timeout_s:
            raise CommandRefused(f"{job_id} has not ended within {timeout_s:g} s", Exit.NOT_FINISHED)
        time.sleep(LOOK_S if timeout_s is None else min(LOOK_S, max(0.0, timeout_s - (now - since))))


def print_end(job: JobView, *, as_json: bool) -> None:
    """Print how a job that was waited for ended; raises `typer.Exit`."""
    if as_json:
        write_json(job)
    else:
        reason = f": {job.reason}" if job.reason else ""
        sys.stdout.write(f"{job.job_id} is {job.state}, {job.lost} of {job.total} lost{reason}\n")
    raise typer.Exit(code_of_state(job.state, job.reason))


app = command_app()


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
    with connect_api(url, token_file, needs_service=not dry_run) as api:
        if dry_run:
            report = api.plan(spec, base=base)
            write_json(report) if as_json else show_plan(report, [])
            return
        submitted = api.submit(
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
        ended = await_end(api, job_id, timeout_s=timeout_s, reporter=reporter)
    print_end(ended, as_json=as_json)
