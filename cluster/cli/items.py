"""`giornata items` and `giornata logs`: the items of a job, and what happened to one of them."""

import sys
from itertools import islice
from typing import Annotated

import typer

from giornata.cluster.cli.reach import AsJson, Job, TokenFile, Url, choices, reached, verb
from giornata.cluster.cli.tables import age_words, write_fields, write_json_list, write_rows
from giornata.cluster.service.paging import all_items
from giornata.cluster.service.views import View
from giornata.cluster.service.views_items import AttemptView, ItemView
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState

items_app, logs_app = verb(), verb()
HEADERS = ("ITEM", "STATE", "STYLE", "SOURCE", "ATTEMPT", "WORKER", "REASON")


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
    with reached(url, token_file) as verbs:
        found = islice(all_items(verbs, job, states=states, classes=classes), limit)
        if as_json:
            write_json_list(found)
        else:
            write_rows(HEADERS, map(_row, found))


@logs_app.command()
def logs(
    job: Job,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="the id of an item")],
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """What happened to one item, attempt by attempt."""
    with reached(url, token_file) as verbs:
        log = ItemLog(item=verbs.item(job, item), attempts=verbs.attempts(job, item).attempts)
    if as_json:
        sys.stdout.write(log.model_dump_json() + "\n")
        return
    write_fields(_fields(log.item))
    for attempt in log.attempts:
        _write_attempt(attempt)


def _row(item: ItemView) -> tuple[object, ...]:
    worker = item.lease_worker or item.last_worker
    return item.item_id, item.state, item.style_label, item.source, item.attempt, worker, item.reason


def _fields(item: ItemView) -> list[tuple[str, object]]:
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
