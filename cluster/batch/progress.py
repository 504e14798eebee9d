"""Progress of a batch for people and scripts: a bar on a terminal, sparse lines in a log, JSON for programs.

Running optimizations are read from their loss histories on scratch.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

from giornata.cluster.batch.eta import Eta, EtaEstimator, ProgressSample
from giornata.cluster.reporting.formatting import duration
from giornata.jobs.errors import UnknownItem, UnknownJob
from giornata.jobs.maintenance.gc import PICTURES
from giornata.jobs.model.paths import base_name
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore
from giornata.workers.optimization.loss_history import HISTORY, WORK, LossHistory, read_history

Fields = dict[str, Any]


class OptimizationWatcher:
    """The running optimizations below a scratch folder, read from their loss histories."""

    def __init__(self, store: JobStore, scratch: Path | None) -> None:
        self._store, self._scratch = store, scratch
        self._seen: dict[Path, int] = {}

    def changes(self, jobs: Collection[str]) -> list[tuple[str, Fields]]:
        """The job and the event of each optimization of `jobs` that has moved since the last call."""
        events: list[tuple[str, Fields]] = []
        present = self._present()
        moved = [path for path, stamp in present.items() if self._seen.get(path) != stamp]
        self._seen = present
        for path in moved:
            folder = path.parent.parent
            history, item_id = read_history(folder), folder.name.partition("-")[0]
            if history is not None:
                events += [
                    (job_id, optimization_event(job_id, item_id, history))
                    for job_id in jobs
                    if self._is_leased(job_id, item_id)
                ]
        return events

    def _present(self) -> dict[Path, int]:
        if self._scratch is None:
            return {}
        stamps = {}
        for path in (self._scratch / PICTURES).glob(f"*/{WORK}/{HISTORY}"):
            try:
                stamps[path] = path.stat().st_mtime_ns
            except OSError:  # delivered a moment ago
                continue
        return stamps

    def _is_leased(self, job_id: str, item_id: str) -> bool:
        try:
            return self._store.items.get(job_id, item_id).state is ItemState.LEASED
        except (UnknownItem, UnknownJob):
            return False


def work_words(name: str, work: Fields) -> str:
    """Such as "a.jpg: scale 2 of 3, 512×340 px, step 4 of 9, loss 1.2, 2.1 steps/s, 3 min left"."""
    pace = f"{work['steps_per_s']:.2g} steps/s" if work["steps_per_s"] else "ready"
    left = f", {duration(work['left_s'])} left" if work["steps_per_s"] and work["left_s"] else ""
    return (
        f"{name}: scale {work['scale']} of {work['scales']}, {work['width']}×{work['height']} px, "
        f"step {work['step']} of {work['steps']}, loss {work['loss'].get('total', 0):.4g}, {pace}{left}"
    )


def optimization_event(job_id: str, item_id: str, history: LossHistory) -> Fields:
    """Iterations, loss parts, pace, time left, and where the preview and the curve are."""
    now = history.now
    address = f"/optimising/{job_id}/{item_id}"
    return {
        "job_id": job_id,
        "item_id": item_id,
        "scale": len(history.curves),
        "scales": history.scales,
        "width": now.width,
        "height": now.height,
        "step": now.step,
        "steps": now.steps,
        "loss": now.loss,
        "steps_per_s": round(1 / history.step_s, 3) if history.step_s else None,
        "left_s": history.left_s,
        "preview": f"{address}/picture",
        "curve": f"{address}/curve",
    }


LINE_EVERY_S = 5.0  # a log of an hour is then 720 lines; failures do not wait for it
MINUTE_S, HOUR_S = 60, 3600


class Reporter(Protocol):
    """A display of progress. `show` may be called as often as is convenient, `finish` once."""

    def show(self, snapshot: ProgressSample) -> None:
        """Show how far the batch is."""

    def fail(self, item: str, reason: str) -> None:
        """Show that `item` will not be delivered, because of `reason`."""

    def optimise(self, source: str, work: Fields) -> None:
        """Show how far the optimization of `source` is; `work` holds an `optimization_event`."""

    def finish(self, snapshot: ProgressSample) -> None:
        """Show the last snapshot; no call comes after it."""


def choose_reporter(stream: TextIO, *, as_json: bool = False) -> Reporter:
    """The reporter that fits `stream`, which stays open."""
    if as_json:
        return JsonReporter(stream)
    return BarReporter(stream) if stream.isatty() else LineReporter(stream)


class LineReporter:
    """At most one line every `every_s` seconds of the batch's own time, and every failure at once."""

    def __init__(self, stream: TextIO, *, every_s: float = LINE_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._estimator = EtaEstimator()
        self._next_s = 0.0
        self._works: dict[str, Fields] = {}

    def show(self, snapshot: ProgressSample) -> None:
        """Write a line when one is due, and one for every optimization that has moved."""
        self._estimator.add(snapshot)
        if snapshot.elapsed_s >= self._next_s:
            self._next_s = snapshot.elapsed_s + self._every_s
            self._write(f"{count_words(snapshot)}, {pace_words(self._estimator)}")
            for name, work in self._works.items():
                self._write(f"optimising {work_words(one_line(name), work)}")
            self._works.clear()

    def optimise(self, source: str, work: Fields) -> None:
        """Keep the fields for the next line."""
        self._works[base_name(source)] = work

    def fail(self, item: str, reason: str) -> None:
        """Write the failure now."""
        self._write(f"failed {one_line(item)}: {one_line(reason)}")

    def finish(self, snapshot: ProgressSample) -> None:
        """Write the last line."""
        self._write(end_words(snapshot))

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class JsonReporter:
    """One JSON object a line, with an `event` of `progress`, `optimising`, `failure` or `end`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._estimator = EtaEstimator()

    def show(self, snapshot: ProgressSample) -> None:
        """Write a `progress` event."""
        self._estimator.add(snapshot)
        self._write("progress", **self._numbers(snapshot))

    def fail(self, item: str, reason: str) -> None:
        """Write a `failure` event."""
        self._write("failure", item=item, reason=reason)

    def optimise(self, source: str, work: Fields) -> None:
        """Write an `optimising` event: iterations, loss and its parts, pace and time left."""
        fields = {name: value for name, value in work.items() if name not in ("preview", "curve")}
        self._write("optimising", source=source, **fields)

    def finish(self, snapshot: ProgressSample) -> None:
        """Write the `end` event."""
        self._estimator.add(snapshot)
        self._write("end", **self._numbers(snapshot))

    def _numbers(self, snapshot: ProgressSample) -> dict[str, float | None]:
        eta = self._estimator.eta()
        return {
            "elapsed_s": round(snapshot.elapsed_s, 3),
            "done": snapshot.done,
            "failed": snapshot.failed,
            "total": snapshot.total,
            "workers": snapshot.workers,
            "images_per_s": rounded(self._estimator.images_per_s()),
            "megapixels_per_s": rounded(self._estimator.megapixels_per_s()),
            "eta_low_s": rounded(eta.low_s if eta else None),
            "eta_high_s": rounded(eta.high_s if eta else None),
        }

    def _write(self, event: str, **fields: object) -> None:
        print(json.dumps({"event": event} | fields), file=self._stream, flush=True)


class BarReporter:
    """A live bar that failures scroll past; needs a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._estimator = EtaEstimator()
        self._console = Console(file=stream)
        # Given our numbers as text: a bar's own estimate is one number, and ours is a range.
        self._bar = Progress(
            TextColumn("rendering"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=self._console,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=None, words="")
        self._ended, self._work = 0, ""

    def show(self, snapshot: ProgressSample) -> None:
        """Move the bar; the first call draws it."""
        self._estimator.add(snapshot)
        self._bar.start()
        text = pace_words(self._estimator)
        if snapshot.failed:
            text = f"{snapshot.failed} failed · {text}"
        if snapshot.ended != self._ended:
            self._ended, self._work = snapshot.ended, ""  # the one shown may be the one that has ended
        text = " · ".join(filter(None, (text, self._work)))
        self._bar.update(self._task, total=snapshot.total, completed=snapshot.ended, words=text)

    def optimise(self, source: str, work: Fields) -> None:
        """Show the fields behind the bar, from now until the next image is done."""
        self._bar.start()
        self._work = work_words(one_line(base_name(source)), work)
        self._bar.update(self._task, words=self._work, refresh=True)

    def fail(self, item: str, reason: str) -> None:
        """Print the failure above the bar."""
        self._console.print(
            f"failed {one_line(item)}: {one_line(reason)}", style="red", markup=False, highlight=False
        )

    def finish(self, snapshot: ProgressSample) -> None:
        """Leave the full bar and the last line on the screen."""
        self.show(snapshot)
        self._bar.stop()
        self._console.print(end_words(snapshot), markup=False, highlight=False)


def count_words(snapshot: ProgressSample) -> str:
    """Such as "12 of 40 done, 1 failed"."""
    total = "?" if snapshot.total is None else snapshot.total
    failed = f", {snapshot.failed} failed" if snapshot.failed else ""
    return f"{snapshot.done} of {total} done{failed}"


def pace_words(estimator: EtaEstimator) -> str:
    """Such as "1.2 images/s, 3.4 Mpx/s, 2 to 3 min left"."""
    images, megapixels = estimator.images_per_s(), estimator.megapixels_per_s()
    rates = [f"{rate_words(images)} images/s"] if images is not None else []
    rates += [f"{rate_words(megapixels)} Mpx/s"] if megapixels is not None else []
    return ", ".join([*rates, eta_words(estimator.eta())])


def rate_words(rate: float) -> str:
    """Two digits, never an exponent that people would have to read: "0.42", "3.4", "120"."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}" if rate >= 0.01 else "under 0.01"


def eta_words(eta: Eta | None) -> str:
    """The range in one unit, that of its longer end: "40 to 70 s left"; "time left unknown" without one."""
    if eta is None:
        return "time left unknown"
    unit, unit_s = next(
        (name, size)
        for name, size in (("h", HOUR_S), ("min", MINUTE_S), ("s", 1))
        if eta.high_s >= 2 * size or size == 1
    )
    low, high = f"{eta.low_s / unit_s:.0f}", f"{eta.high_s / unit_s:.0f}"
    return f"{high} {unit} left" if low == high else f"{low} to {high} {unit} left"


def end_words(snapshot: ProgressSample) -> str:
    """Such as "40 of 40 done in 2 min 5 s"."""
    minutes, seconds = divmod(round(snapshot.elapsed_s), MINUTE_S)
    took = f"{minutes} min {seconds} s" if minutes else f"{snapshot.elapsed_s:.1f} s"
    return f"{count_words(snapshot)} in {took}"


def one_line(text: str) -> str:
    """`text` on one line and without control characters, which file names may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def rounded(number: float | None) -> float | None:
    """Three decimals are more than a pace is worth."""
    return None if number is None else round(number, 3)
