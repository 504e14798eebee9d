"""The showing of an evaluation: a bar or lines on the way, the heart of the table at the end."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giornata.cluster.cli.tables import write_rows
from giornata.cluster.evaluation.plot import write_plot
from giornata.cluster.evaluation.preparing import Prepared, prepare
from giornata.cluster.evaluation.protocol import Course, Reading, evaluate
from giornata.cluster.evaluation.request import Request
from giornata.cluster.evaluation.results import TO_PALETTE, Evaluation, rows_of, write_json
from giornata.cluster.evaluation.sheets import write_sheet
from giornata.cluster.evaluation.table import RELATIVE, interval_words, write_markdown
from giornata.styles.evaluation.yardstick import MEASURES

LINE_EVERY_S = 10.0
SHOWN = ("ssim", "lpips", "squeeze_3", TO_PALETTE, "dots", "holes", "cpu_s_per_mpx")


def carry_out(request: Request, *, as_json: bool) -> None:
    """Paint, measure, write everything and tell it. Raises `StyleError`."""
    torch.set_num_threads(request.threads)
    prepared = prepare(request)
    course = prepared.course
    course.folder.mkdir(parents=True, exist_ok=True)
    readings = tuple(_shown(course, evaluate(course, prepared.yardstick)))
    evaluation = _write(prepared, readings)
    tell(evaluation, course.folder, as_json=as_json)


def _write(prepared: Prepared, readings: tuple[Reading, ...]) -> Evaluation:
    course = prepared.course
    evaluation = Evaluation(
        setup=prepared.setup,
        rows=rows_of(readings, course.methods),
        readings=readings,
        missing=prepared.yardstick.missing(),
        left_out=prepared.left_out,
    )
    write_json(evaluation, course.folder)
    write_markdown(evaluation, course.folder)
    write_plot(evaluation, course.folder)
    for method in dict.fromkeys(row.method for row in evaluation.rows):
        write_sheet(course.folder, method, course.photos, course.paintings)
    return evaluation


def _shown(course: Course, readings: Iterable[Reading]) -> Iterator[Reading]:
    """The readings, while a bar on a terminal, or a line now and then, tells how far they are."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[subject]}"),
    )
    next_s = time.monotonic() + LINE_EVERY_S
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("evaluating", total=course.count, subject="")
        for number, reading in enumerate(readings, start=1):
            subject = f"{reading.method}: {reading.photo} as {reading.painting}"
            bar.update(task, completed=number, subject=subject)
            if not console.is_terminal and time.monotonic() >= next_s:
                sys.stderr.write(f"{number} of {course.count}: {subject}\n")
                next_s = time.monotonic() + LINE_EVERY_S
            yield reading


def tell(evaluation: Evaluation, folder: Path, *, as_json: bool) -> None:
    """The rows as JSON, or the columns that matter most and where the rest is."""
    if as_json:
        data = evaluation.model_dump(mode="json", exclude={"readings"})
        sys.stdout.write(json.dumps(data) + "\n")
        return
    columns = {name: MEASURES.get(name, RELATIVE) for name in SHOWN if name not in evaluation.missing}
    headers = ["method", "paintings", *(measure.title for measure in columns.values())]
    lines = []
    for row in evaluation.rows:
        name = f"{row.method} (unseen)" if row.unseen else row.method
        cells = (interval_words(row.measures.get(key), column.digits) for key, column in columns.items())
        lines.append([name, row.paintings, *cells])
    write_rows(headers, lines)
    for name, reason in evaluation.missing.items():
        sys.stdout.write(f"{MEASURES[name].title}: not measured: {reason}\n")
    for line in evaluation.left_out:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{folder / 'table.md'}; look at {folder}/sheet-*.jpg before you believe it\n")
