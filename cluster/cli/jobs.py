"""`giornata ls`, `show`, `items` and `logs`: jobs and items as lines, and one of them in full."""

import sys
from itertools import islice
from typing import Annotated

import typer

from giornata.cluster.cli.options import AsJson, Job, TokenFile, Url, choices, command_app, connect_api
from giornata.cluster.cli.output import (
    age_words,
    progress_words,
    rate_words,
    write_fields,
    write_json,
    write_json_list,
    write_rows,
)
from giornata.cluster.service.paging import all_items, all_jobs
from giornata.cluster.service.schemas.base import View
from giornata.cluster.service.schemas.jobs import AttemptView, ItemView, JobDetail, JobView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState

ls_app, show_app = command_app(), command_app()
HEADERS = ("JOB", "NAME", "STATE", "ITEMS", "LOST", "PRIORITY", "OWNER", "PACE", "AGE")


@ls_app.command()
def ls(
    state: Annotated[str | None, typer.Option(help="only jobs in these states: one,two")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many at most")] = 100,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    with connect_api(url, token_file) as api:
        jobs = islice(all_jobs(api, states=choices(state, JobState)), limit)
        if as_json:
            write_json_list(jobs)
        else:
            write_rows(HEADERS, map(_row, jobs))


@show_app.command()
def show(job: Job, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Everything about one job."""
    with connect_api(url, token_file) as api:
        detail = api.job(job)
    if as_json:
        write_json(detail)
        return
    write_fields(_fields(detail))


def _row(job: JobView) -> tuple[object, ...]:
    return (
        job.job_id,
        job.name,
        job.state,
        progress_words(job),
        job.lost,
        job.priority,
        job.owner,
        rate_words(job),
        age_words(job.created_at),
    )


def _fields(job: JobDetail) -> list[tuple[str, object]]:
    counts = ", ".join(f"{count} {state}" for state, count in job.counts.items() if count)
    causes = ", ".join(f"{count} × {kind}" for kind, count in job.causes.items())
    limit = "no limit" if job.max_workers is None else job.max_workers
    return [
        ("job", job.job_id),
        ("name", job.name),
        ("state", job.state),
        ("reason", job.reason),
        ("items", f"{progress_words(job)} ({counts})" if counts else progress_words(job)),
        ("causes", causes),
        ("pace", rate_words(job)),
        ("owner", job.owner),
        ("priority", job.priority),
        ("workers", limit),
        ("created", age_words(job.created_at)),
        ("started", age_words(job.started_at)),
        ("finished", age_words(job.finished_at)),
        ("base", job.base),
        ("destination", job.spec.destination),
        ("stale", job.stale_reports or ""),
    ]


items_app, logs_app = command_app(), command_app()
ITEM_HEADERS = ("ITEM", "STATE", "STYLE", "SOURCE", "ATTEMPT", "WORKER", "REASON")


class ItemLog(View):
    """An item with its attempts."""

    item: ItemView
    attempts: tuple[AttemptView, ...]


@items_app.command()
def items(
    job: Job,
    state: Annotated[str | None, typer.Option(help="only items in these states: one,two")] = None,
    kind: Annotated[str | None, typer.Option("--class", help="only items that ended like this")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="how many at most")] = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List the items of a job in order."""
    states, classes = choices(state, ItemState), choices(kind, OutcomeClass)
    with connect_api(url, token_file) as api:
        views = islice(all_items(api, job, states=states, classes=classes), limit)
        if as_json:
            write_json_list(views)
        else:
            write_rows(ITEM_HEADERS, map(_item_row, views))


@logs_app.command()
def logs(
    job: Job,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="the id of an item")],
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """What happened to one item, attempt by attempt."""
    with connect_api(url, token_file) as api:
        log = ItemLog(item=api.item(job, item), attempts=api.attempts(job, item).attempts)
    if as_json:
        sys.stdout.write(log.model_dump_json() + "\n")
        return
    write_fields(_item_fields(log.item))
    for attempt in log.attempts:
        _write_attempt(attempt)


def _item_row(item: ItemView) -> tuple[object, ...]:
    worker = item.lease_worker or item.last_worker
    return item.item_id, item.state, item.style_label, item.source, item.attempt, worker, item.reason


def _item_fields(item: ItemView) -> list[tuple[str, object]]:
    size = f"{item.width} × {item.height} px, {item.bytes} bytes" if item.width else ""
    return [
        ("item", item.item_id),
        ("source", item.source),
        ("target", item.target),
        ("style", item.style_label),
        ("state", item.state),
        ("class", item.outcome_class or ""),
        ("reason", item.reason),
        ("warnings", item.warnings),
        ("size", size),
        ("sha256", item.sha256),
        ("finished", age_words(item.finished_at)),
    ]


def _write_attempt(attempt: AttemptView) -> None:
    sys.stdout.write(f"\nattempt {attempt.attempt}, {age_words(attempt.at)}\n")
    took = f"{attempt.seconds:.1f} s on {attempt.worker or 'no worker'}"
    fields = [("class", attempt.outcome_class), ("reason", attempt.reason), ("took", took)]
    write_fields([*fields, ("then", attempt.decision)])
    for line in attempt.log.splitlines():
        sys.stdout.write(f"  {''.join(letter if letter.isprintable() else ' ' for letter in line)}\n")
