"""`giornata pause, resume, cancel, retry, skip, set`: change a job. `workers`: list, drain, block."""

import sys
from typing import Annotated

import typer

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.options import (
    AsJson,
    Job,
    TokenFile,
    Url,
    Yes,
    agree,
    choices,
    command_app,
    connect_api,
)
from giornata.cluster.cli.output import age_words, progress_words, write_json, write_rows
from giornata.cluster.service.api import LOST
from giornata.cluster.service.schemas.jobs import Changed, JobDetail, JobView
from giornata.cluster.service.schemas.service import BlockView, WorkerList, WorkerView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState

pause_app, resume_app, cancel_app = command_app(), command_app(), command_app()
retry_app, skip_app, set_app = command_app(), command_app(), command_app()


@pause_app.command()
def pause(job: Job, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Let running items end and start no others."""
    with connect_api(url, token_file) as api:
        _print_job(api.pause(job), as_json=as_json)


@resume_app.command()
def resume(job: Job, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Go on with a paused job."""
    with connect_api(url, token_file) as api:
        _print_job(api.resume(job), as_json=as_json)


@cancel_app.command()
def cancel(
    job: Job, yes: Yes = False, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False
) -> None:
    """Stop at the next tile, and render nothing more; what is delivered stays."""
    with connect_api(url, token_file) as api:
        before = api.job(job)
        agree(f"cancel {before.total - before.settled} items of {job}", yes=yes)
        _print_job(api.cancel(job), as_json=as_json)


@retry_app.command()
def retry(
    job: Job,
    state: Annotated[str, typer.Option(help="items in these states: one,two")] = ",".join(LOST),
    kind: Annotated[str | None, typer.Option("--class", help="only items that ended like this")] = None,
    yes: Yes = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Put items back in the queue with a clean record; a job that has ended goes on."""
    states, classes = choices(state, ItemState) or [], choices(kind, OutcomeClass)
    with connect_api(url, token_file) as api:
        agree(f"queue {_count(api.job(job), states, classes)} items of {job} again", yes=yes)
        _print_changed(api.retry(job, states=states, classes=classes), "queued again", as_json=as_json)


@skip_app.command()
def skip(
    job: Job,
    items: Annotated[list[str], typer.Argument(metavar="ITEM…", help="ids of items")],
    reason: Annotated[str, typer.Option(help="why, for those who ask later")] = "",
    yes: Yes = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Leave items out."""
    with connect_api(url, token_file) as api:
        agree(f"leave {len(items)} items of {job} out", yes=yes)
        _print_changed(api.skip(job, items, reason=reason), "left out", as_json=as_json)


@set_app.command("set")
def set_command(
    job: Job,
    priority: Annotated[int | None, typer.Option(min=0, max=100, help="the highest goes first")] = None,
    max_workers: Annotated[int | None, typer.Option(min=0, help="at most so many; 0 for no limit")] = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Change a job's priority or most workers."""
    if priority is None and max_workers is None:
        raise CommandRefused("nothing to set, needed --priority or --max-workers", Exit.USAGE)
    with connect_api(url, token_file) as api:
        view = api.set_job(
            job, priority=priority, max_workers=max_workers or None, unlimited=max_workers == 0
        )
        _print_job(view, as_json=as_json)


def _count(job: JobDetail, states: list[ItemState], classes: list[OutcomeClass] | None) -> str:
    in_states = sum(job.counts.get(state, 0) for state in states)
    if classes is None:
        return str(in_states)
    return f"up to {min(in_states, sum(job.causes.get(kind, 0) for kind in classes))}"


def _print_job(job: JobView, *, as_json: bool) -> None:
    if as_json:
        write_json(job)
    else:
        limit = "" if job.max_workers is None else f", at most {job.max_workers} workers"
        message = f"{job.job_id} is {job.state}: {progress_words(job)} items, priority {job.priority}{limit}"
        sys.stdout.write(message + "\n")


def _print_changed(changed: Changed, done: str, *, as_json: bool) -> None:
    if as_json:
        write_json(changed)
    else:
        sys.stdout.write(f"{changed.items} items {done}; {changed.job.job_id} is {changed.job.state}\n")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Worker = Annotated[str, typer.Argument(metavar="WORKER", help="the id of a worker, or of its place")]
Reason = Annotated[str, typer.Option(help="why, for those who ask later")]
HEADERS = ("WORKER", "STATE", "NODE", "PID", "ITEM", "DONE", "FAILURES", "SEEN", "HELD")


@app.command("ls")
def list_workers(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the workers."""
    with connect_api(url, token_file, needs_service=True) as api:
        _print_workers(api.workers(), as_json=as_json)


@app.command()
def drain(
    worker: Worker,
    reason: Reason = "",
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a worker end what it has, and end it."""
    with connect_api(url, token_file, needs_service=True) as api:
        _print_workers(api.drain(worker, reason=reason), as_json=as_json)


@app.command()
def block(
    worker: Worker,
    reason: Reason = "",
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a worker no more work."""
    with connect_api(url, token_file, needs_service=True) as api:
        _print_workers(api.block(worker, reason=reason), as_json=as_json)


@app.command()
def unblock(worker: Worker, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Give a worker work again."""
    with connect_api(url, token_file, needs_service=True) as api:
        _print_workers(api.unblock(worker), as_json=as_json)


def _print_workers(listing: WorkerList, *, as_json: bool) -> None:
    if as_json:
        write_json(listing)
        return
    rows = [*map(_row, listing.workers), *map(_absent, listing.absent)]
    write_rows(HEADERS, rows)


def _row(worker: WorkerView) -> tuple[object, ...]:
    held = "; ".join(f"{block.kind} by {block.by}: {block.reason}" for block in worker.blocks)
    seen, pid = age_words(worker.seen_at), worker.pid or ""
    numbers = (worker.done, worker.failures, seen)
    return (worker.worker, worker.state, worker.node[:12], pid, worker.item_id, *numbers, held)


def _absent(block: BlockView) -> tuple[object, ...]:
    return block.worker, "absent", "", "", "", "", "", "", f"{block.kind} by {block.by}: {block.reason}"
