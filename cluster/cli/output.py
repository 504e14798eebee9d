"""Rows for people and scripts: a table on a terminal, aligned lines in a pipe, JSON for programs."""

import sys
import time
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table

from giornata.cluster.batch.progress import one_line
from giornata.cluster.service.schemas.base import View
from giornata.cluster.service.schemas.jobs import JobView

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def write_rows(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """One row a line; nothing but the rows when there are none."""
    shown = [[one_line(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        table = Table(*headers, box=box.SIMPLE_HEAD)
        for row in shown:
            table.add_row(*(escape(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(headers, *shown, strict=True)]
    for row in (list(headers), *shown):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def write_fields(fields: Iterable[tuple[str, object]]) -> None:
    """A name and a value a line; what is empty is left out."""
    pairs = [(name, one_line(str(value))) for name, value in fields if value not in (None, "")]
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        sys.stdout.write(f"{name:<{width}}  {value}\n")


def write_json(view: BaseModel) -> None:
    """One JSON document."""
    sys.stdout.write(view.model_dump_json() + "\n")


def write_json_list(views: Iterable[View]) -> None:
    """One JSON list, written as it comes."""
    separator = "["
    for view in views:
        sys.stdout.write(separator + view.model_dump_json())
        separator = ",\n"
    sys.stdout.write("]\n" if separator != "[" else "[]\n")


def escape(cell: str) -> str:
    """`cell` with nothing that rich would take for markup."""
    return cell.replace("[", r"\[")


def progress_words(job: JobView) -> str:
    """Such as "12/40"; a job that is still being listed may grow."""
    return f"{job.settled}/{job.total}{'' if job.listed else '+'}"


def rate_words(job: JobView) -> str:
    """Such as "1.2 images/s, 40 s to 2 min left"; empty when nothing is known."""
    rates = job.rates
    parts = [] if rates.images_per_s is None else [f"{rates.images_per_s:.3g} images/s"]
    if rates.eta:
        parts.append(f"{span_words(rates.eta.low_s)} to {span_words(rates.eta.high_s)} left")
    return ", ".join(parts)


def span_words(seconds: float) -> str:
    """A time span in its largest fitting unit: "40 s", "3 min", "5 h", "2 d"."""
    for unit_s, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def age_words(at: float | None) -> str:
    """How long ago; empty for never."""
    return "" if at is None else f"{span_words(max(0.0, time.time() - at))} ago"
