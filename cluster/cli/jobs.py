"""`giornata ls` and `giornata show`: jobs as lines, and one job in full."""

from itertools import islice
from typing import Annotated

import typer

from giornata.cluster.cli.reach import AsJson, Job, TokenFile, Url, choices, reached, verb
from giornata.cluster.cli.tables import (
    age_words,
    progress_words,
    rate_words,
    write_fields,
    write_json,
    write_json_list,
    write_rows,
)
from giornata.cluster.service.paging import all_jobs
from giornata.cluster.service.views_jobs import JobDetail, JobView
from giornata.jobs.model.states import JobState

ls_app, show_app = verb(), verb()
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
    with reached(url, token_file) as verbs:
        jobs = islice(all_jobs(verbs, states=choices(state, JobState)), limit)
        if as_json:
            write_json_list(jobs)
        else:
            write_rows(HEADERS, map(_row, jobs))


@show_app.command()
def show(job: Job, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Everything about one job."""
    with reached(url, token_file) as verbs:
        detail = verbs.job(job)
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
