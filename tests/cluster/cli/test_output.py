import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from giornata.cluster.cli.output import (
    age_words,
    escape,
    progress_words,
    rate_words,
    span_words,
    write_fields,
    write_json_list,
    write_rows,
)
from giornata.cluster.service.schemas.base import Problem
from giornata.cluster.service.schemas.jobs import EtaView, RatesView
from tests.support.services import Place


def test_rows_are_aligned_in_a_pipe_and_each_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(("JOB", "NAME"), [("a-1", "two\nlines"), ("long-job-2", "")])
    assert capsys.readouterr().out == "JOB         NAME\na-1         two lines\nlong-job-2\n"
    write_rows(("JOB", "NAME"), [])
    assert capsys.readouterr().out == "JOB  NAME\n"


def test_fields_that_are_empty_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    write_fields([("name", "autumn"), ("reason", ""), ("started", None), ("items", 0)])
    assert capsys.readouterr().out == "name   autumn\nitems  0\n"
    write_fields([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_json_list_is_one_document_of_any_length(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    views = [Problem(code=str(number), message="ä") for number in range(count)]
    write_json_list(views)  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out) == [view.model_dump() for view in views]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\")))
def test_no_cell_is_taken_for_markup(cell: str) -> None:
    assert Text.from_markup(escape(cell), emoji=False).plain == cell


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h"), (172_800, "2 d")],
)
def test_a_span_is_told_in_its_largest_fitting_unit(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_how_long_ago_is_never_in_the_future() -> None:
    assert age_words(None) == ""
    assert age_words(time.time() + 90) == "0 s ago"
    assert age_words(time.time() - 600) == "10 min ago"


def test_progress_and_pace_of_a_job_are_told_as_far_as_they_are_known(place: Place) -> None:
    view = place.job_service.submit(place.spec(), base=place.root).job
    assert (progress_words(view), rate_words(view)) == ("0/0+", "")
    rates = RatesView(images_per_s=1.234, eta=EtaView(low_s=40.0, high_s=130.0))
    known = view.model_copy(update={"total": 40, "settled": 12, "listed": True, "rates": rates})
    assert progress_words(known) == "12/40"
    assert rate_words(known) == "1.23 images/s, 40 s to 2 min left"
