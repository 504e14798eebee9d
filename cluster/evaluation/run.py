"""An evaluation from its request to its files, with a bar or lines on the way."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giornata.cluster.evaluation.plot import write_plot
from giornata.cluster.evaluation.preparing import PreparedEvaluation, prepare
from giornata.cluster.evaluation.protocol import EvaluationRun, Measurement, evaluate
from giornata.cluster.evaluation.request import Request
from giornata.cluster.evaluation.results import Evaluation, rows_of, write_json
from giornata.cluster.evaluation.sheets import write_sheet
from giornata.cluster.evaluation.table import write_markdown

LINE_EVERY_S = 10.0


def carry_out(request: Request) -> tuple[Evaluation, Path]:
    """Paint, measure and write everything; returns the results and their folder. Raises `StyleError`."""
    torch.set_num_threads(request.threads)
    prepared = prepare(request)
    course = prepared.course
    course.folder.mkdir(parents=True, exist_ok=True)
    readings = tuple(_shown(course, evaluate(course, prepared.yardstick)))
    return _write(prepared, readings), course.folder


def _write(prepared: PreparedEvaluation, readings: tuple[Measurement, ...]) -> Evaluation:
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


def _shown(course: EvaluationRun, readings: Iterable[Measurement]) -> Iterator[Measurement]:
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
