"""Which manager a verb talks to: the service at a URL, or the store of this machine when none is up."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.local import local_desk
from giornata.cluster.client import Client
from giornata.cluster.errors import ServiceUnreachable
from giornata.cluster.service.access import client_token
from giornata.cluster.service.verbs import Verbs
from giornata.jobs.spec.enums import listed

HOST, PORT = "127.0.0.1", 8765
DEFAULT_URL = f"http://{HOST}:{PORT}"
KNOCK_S = 0.5  # a service on this machine answers in a thousandth of that

Url = Annotated[str | None, typer.Option("--url", envvar="GIORNATA_URL", help=f"a service, {DEFAULT_URL}")]
TokenFile = Annotated[Path | None, typer.Option("--token-file", help="holds your token; else GIORNATA_TOKEN")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Job = Annotated[str, typer.Argument(metavar="JOB", help="the id of a job")]

C = TypeVar("C", bound=StrEnum)


def verb() -> typer.Typer:
    """The app of one command."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def reached(url: str | None, token_file: Path | None, *, needs_service: bool = False) -> Iterator[Verbs]:
    """The verbs of the service at `url`, of the one at the usual place, or of this machine's own store.

    Raises `ServiceUnreachable` when there is none and the verb `needs_service`.
    """
    if url or listens(HOST, PORT):
        with Client(url or DEFAULT_URL, client_token(token_file)) as client:
            yield client
    elif needs_service:
        raise ServiceUnreachable(DEFAULT_URL, "nothing listens there")
    else:
        with local_desk() as desk:
            yield desk


def listens(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=KNOCK_S):
            return True
    except OSError:
        return False


def choices(words: str | None, kind: type[C]) -> list[C] | None:
    """Options given as `one,two`. Raises `CommandRefused` that lists them all."""
    if words is None:
        return None
    given = [word.strip() for word in words.split(",") if word.strip()]
    wrong = [word for word in given if word not in list(kind)]
    if wrong or not given:
        got = repr(wrong[0]) if wrong else "nothing"
        raise CommandRefused(f"got {got}, needed some of: {listed(kind)}", Exit.USAGE)
    return [kind(word) for word in given]


def agree(question: str, *, yes: bool) -> None:
    """Go on when a person says so. Raises `CommandRefused` where nobody can be asked, or who is says no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandRefused(f"{question}: nobody is here to ask, needed --yes", Exit.REJECTED)
    if not typer.confirm(f"{question}?", err=True):
        raise CommandRefused("nothing was changed", Exit.CANCELLED)
