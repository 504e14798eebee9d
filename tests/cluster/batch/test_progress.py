"""What people and scripts get to read."""

import io
import json

import pytest

from giornata.cluster.batch.eta import Eta, ProgressSample
from giornata.cluster.batch.progress import (
    BarReporter,
    JsonReporter,
    LineReporter,
    choose_reporter,
    eta_words,
    rate_words,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def batch() -> list[ProgressSample]:
    return [ProgressSample(at / 10, done=at // 2, total=100, pixels_done=at * 500_000) for at in range(201)]


def test_the_stream_decides_the_reporter() -> None:
    assert isinstance(choose_reporter(Terminal()), BarReporter)
    assert isinstance(choose_reporter(io.StringIO()), LineReporter)
    assert isinstance(choose_reporter(Terminal(), as_json=True), JsonReporter)


def test_a_log_gets_few_lines_and_every_failure_at_once() -> None:
    stream = io.StringIO()
    reporter = LineReporter(stream, every_s=5)
    for snapshot in batch():
        reporter.show(snapshot)
        if snapshot.elapsed_s == 7.0:
            reporter.fail("scans/a\nb.tif", "truncated")
    reporter.finish(ProgressSample(20.0, done=99, failed=1, total=100))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 7
    assert lines[0] == "0 of 100 done, time left unknown"
    assert lines[2] == "failed scans/a b.tif: truncated"
    assert lines[3].startswith("50 of 100 done, 5 images/s, 5 Mpx/s, 9 to ")
    assert lines[3].endswith("s left")
    assert lines[-1] == "99 of 100 done, 1 failed in 20.0 s"


def test_a_script_gets_one_object_a_line() -> None:
    stream = io.StringIO()
    reporter = JsonReporter(stream)
    for snapshot in batch()[::10]:
        reporter.show(snapshot)
    reporter.fail("a.tif", "truncated")
    reporter.finish(ProgressSample(20.5, done=99, failed=1, total=100))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["progress"] * 21 + ["failure", "end"]
    assert events[0]["eta_low_s"] is None
    assert events[10]["eta_low_s"] < 10 < events[10]["eta_high_s"]
    assert events[-2] == {"event": "failure", "item": "a.tif", "reason": "truncated"}
    assert (events[-1]["done"], events[-1]["failed"], events[-1]["total"]) == (99, 1, 100)


WORK: dict[str, object] = {
    "scale": 2,
    "scales": 3,
    "width": 512,
    "height": 340,
    "step": 40,
    "steps": 100,
    "loss": {"total": 1.2345, "content": 0.2, "style": 0.01, "variation": 0.0},
    "steps_per_s": 2.14,
    "left_s": 130.0,
    "preview": "/optimising/a/b/picture",
    "curve": "/optimising/a/b/curve",
}
WORDS = "a.jpg: scale 2 of 3, 512×340 px, step 40 of 100, loss 1.234, 2.1 steps/s, 2 min 10 s left"


def test_everybody_sees_how_far_an_optimisation_is(monkeypatch: pytest.MonkeyPatch) -> None:
    log, script, terminal = io.StringIO(), io.StringIO(), Terminal()
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    bar = BarReporter(terminal)
    for reporter in (LineReporter(log, every_s=5), JsonReporter(script), bar):
        reporter.optimise("/in/a.jpg", WORK)
        reporter.show(ProgressSample(0.0, total=1))
        reporter.show(ProgressSample(1.0, total=1))
        reporter.optimise("/in/a.jpg", WORK)
        if reporter is bar:
            bar.finish(ProgressSample(2.0, done=1, total=1))
    assert log.getvalue().splitlines() == ["0 of 1 done, time left unknown", f"optimising {WORDS}"]
    told = json.loads(script.getvalue().splitlines()[0])
    assert (told["event"], told["source"], told["step"]) == ("optimising", "/in/a.jpg", 40)
    assert told["loss"] == WORK["loss"]
    assert "preview" not in told  # an address of a service that there may not be
    assert WORDS in terminal.getvalue()


def test_a_terminal_gets_a_bar_and_file_names_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    reporter = BarReporter(stream)
    reporter.show(ProgressSample(0.0, total=None))
    reporter.show(ProgressSample(1.0, done=1, total=3))
    reporter.fail("[red]x[/].tif", "truncated")
    reporter.finish(ProgressSample(2.0, done=2, failed=1, total=3))
    text = stream.getvalue()
    assert "[red]x[/].tif" in text
    assert "3/3" in text
    assert "2 of 3 done, 1 failed in 2.0 s" in text


@pytest.mark.parametrize(
    ("eta", "words"),
    [
        (None, "time left unknown"),
        (Eta(40, 70), "40 to 70 s left"),
        (Eta(100, 190), "2 to 3 min left"),
        (Eta(170, 190), "3 min left"),
        (Eta(3600, 4 * 3600), "1 to 4 h left"),
        (Eta(0, 0), "0 s left"),
    ],
)
def test_the_time_left_is_one_unit_and_a_range(eta: Eta | None, words: str) -> None:
    assert eta_words(eta) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(123.4, "123"), (3.42, "3.4"), (0.042, "0.042"), (1e-9, "under 0.01")]
)
def test_a_rate_has_no_exponent(rate: float, words: str) -> None:
    assert rate_words(rate) == words
