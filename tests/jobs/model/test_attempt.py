import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from giornata.jobs.model.attempt import MAX_LOG, MAX_REASON, Claim, Outcome, OutcomeClass, one_line, tail
from giornata.jobs.model.paths import attempt_place
from giornata.jobs.model.states import ItemState
from tests.support.fakes import ended
from tests.support.job_rows import task

C, S = OutcomeClass, ItemState


def test_an_outcome_says_what_its_class_needs() -> None:
    with pytest.raises(ValidationError, match="needed sha256 and bytes"):
        Outcome(job_id="j", item_id="a", attempt=1, outcome_class=C.DONE)
    with pytest.raises(ValidationError, match="needed a reason"):
        Outcome(job_id="j", item_id="a", attempt=1, outcome_class=C.BUG)


def test_a_reason_fits_on_one_line() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert len(one_line("x" * 9_999)) == MAX_REASON


def test_a_claim_and_its_report_have_one_key_and_a_place_to_write_to() -> None:
    claim = Claim(job_id="autumn-1", task=task("x"), attempt=3, epoch=1)
    assert claim.key == ended(claim, C.BUG).key == ("autumn-1", task("x").item_id, 3)
    assert claim.temporary == attempt_place("/out/x.jpg", task("x").item_id, 3, job_id="autumn-1")


@given(st.text(max_size=2 * MAX_REASON))
def test_any_text_becomes_one_short_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MAX_REASON
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line


def test_of_a_long_log_the_end_is_kept() -> None:
    assert tail("a" * MAX_LOG + "the end").endswith("the end")
    assert len(tail("a" * MAX_LOG + "the end")) == MAX_LOG
    assert tail("short") == "short"
