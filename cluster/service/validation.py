"""Validation of requests: cursors, limits, numbers and names, before they reach the store."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from giornata.cluster.errors import InvalidParameter
from giornata.jobs.errors import PlanRefused
from giornata.jobs.model.paths import absolute, is_url
from giornata.jobs.planning.validate import SHOWN
from giornata.jobs.spec.job import JobSpec

LIMIT = 1000  # of one page
NAME = r"^[!-~]([ -~]{0,98}[!-~])?$"  # of tokens, workers, items: what any database and any log can hold
NUMBER = 2**63 - 1  # the largest that a database keeps
_CURSOR = re.compile(r"(\d{1,18}):([!-~]{1,100})")
_MAGIC = re.compile(r"[*?\[]")


def limit_of(limit: int) -> int:
    """A page's size. Raises `InvalidParameter`."""
    if not 1 <= limit <= LIMIT:
        raise InvalidParameter("limit", limit, f"a whole number from 1 to {LIMIT}")
    return limit


def number_of(field: str, number: int | None, *, low: int, high: int) -> int | None:
    """A number in a range, or None. Raises `InvalidParameter`."""
    if number is not None and not low <= number <= high:
        raise InvalidParameter(field, number, f"a whole number from {low} to {high}")
    return number


def name_of(field: str, name: str) -> str:
    """A name without control characters. Raises `InvalidParameter`."""
    if not re.match(NAME, name):
        raise InvalidParameter(field, name[:100], "1 to 100 plain letters")
    return name


def words_of(field: str, text: str) -> str:
    """A line of free text. Raises `InvalidParameter`."""
    if len(text) > 500 or not text.isprintable():
        raise InvalidParameter(field, text[:50], "one line of at most 500 characters")
    return text


def item_cursor(cursor: str | None) -> tuple[int, str] | None:
    """Where a page of items goes on. Raises `InvalidParameter`."""
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor) if cursor.isascii() else None
    if match is None:
        raise InvalidParameter("after", cursor[:100], "the `next` of an earlier page")
    return int(match[1]), match[2]


def event_cursor(cursor: str | None) -> int:
    """Where a page of events goes on. Raises `InvalidParameter`."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and int(cursor[:20]) <= NUMBER):
        raise InvalidParameter("after", cursor[:100], "the `next` of an earlier page")
    return int(cursor[:20])


def base_of(base: Path) -> Path:
    """The folder that a spec's relative paths start from. Raises `InvalidParameter`."""
    if not base.is_absolute() or not os.path.isdir(base):  # noqa: PTH112 - Path raises on names like NUL
        raise InvalidParameter(
            "base", str(base)[:100], "the absolute path of a folder on the service's machine"
        )
    return base


def check_named_inputs(spec: JobSpec, base: Path) -> None:
    """Say which inputs are not there, as far as one can without listing. Raises `PlanRefused`."""
    if any("\0" in text for text in _texts(spec.model_dump())):
        raise InvalidParameter("spec", "a NUL letter", "text that can be a name")
    problems = list(_missing(spec, base))
    if problems:
        raise PlanRefused(tuple(problems[:SHOWN]), len(problems))


def _missing(spec: JobSpec, base: Path) -> Iterator[str]:
    for entry in spec.inputs:
        path = entry.manifest or entry.path or ""
        if is_url(path):
            continue  # planning says what it thinks of these
        place = absolute(path, base=base)
        is_present = os.path.lexists(place)  # a name may hold the letters of a glob
        if not is_present and not _MAGIC.search(path):
            yield f"listing input {path}: nothing at {place}"
        elif not is_present and not os.path.isdir(_above(place)):  # noqa: PTH112
            yield f"listing input {path}: no folder at {_above(place)}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, Iterable):
        for part in value:
            yield from _texts(part)


def _above(glob: Path) -> Path:
    """The folder in which a glob begins to search."""
    parts = glob.parts
    first = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    return Path(*parts[:first])
