"""`giornata workers`: who renders, and who gets no more work."""

from typing import Annotated

import typer

from giornata.cluster.cli.reach import AsJson, TokenFile, Url, reached
from giornata.cluster.cli.tables import age_words, write_json, write_rows
from giornata.cluster.service.views_service import BlockView, WorkerList, WorkerView

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Worker = Annotated[str, typer.Argument(metavar="WORKER", help="the id of a worker, or of its place")]
Reason = Annotated[str, typer.Option(help="why, for those who ask later")]
HEADERS = ("WORKER", "STATE", "NODE", "PID", "ITEM", "DONE", "FAILURES", "SEEN", "HELD")


@app.command("ls")
def list_workers(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the workers."""
    with reached(url, token_file, needs_service=True) as verbs:
        _tell(verbs.workers(), as_json=as_json)


@app.command()
def drain(
    worker: Worker,
    reason: Reason = "",
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a worker end what it has, and end it."""
    with reached(url, token_file, needs_service=True) as verbs:
        _tell(verbs.drain(worker, reason=reason), as_json=as_json)


@app.command()
def block(
    worker: Worker,
    reason: Reason = "",
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a worker no more work."""
    with reached(url, token_file, needs_service=True) as verbs:
        _tell(verbs.block(worker, reason=reason), as_json=as_json)


@app.command()
def unblock(worker: Worker, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Give a worker work again."""
    with reached(url, token_file, needs_service=True) as verbs:
        _tell(verbs.unblock(worker), as_json=as_json)


def _tell(found: WorkerList, *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    rows = [*map(_row, found.workers), *map(_absent, found.absent)]
    write_rows(HEADERS, rows)


def _row(worker: WorkerView) -> tuple[object, ...]:
    held = "; ".join(f"{block.kind} by {block.by}: {block.reason}" for block in worker.blocks)
    seen, pid = age_words(worker.seen_at), worker.pid or ""
    numbers = (worker.done, worker.failures, seen)
    return (worker.worker, worker.state, worker.node[:12], pid, worker.item_id, *numbers, held)


def _absent(block: BlockView) -> tuple[object, ...]:
    return block.worker, "absent", "", "", "", "", "", "", f"{block.kind} by {block.by}: {block.reason}"
