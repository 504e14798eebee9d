"""Numbers and names read well, and nothing in a name can hide or turn what stands beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.cluster.reporting import formatting as wording
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0.00 s"),
        (0.421, "0.42 s"),
        (59.9, "59.9 s"),
        (59.97, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (48 * 3600, "2 d 0 h"),
        (1_000_000, "11 d 13 h"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("bytes", "words"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_600, "1.00 MB"),
        (2_400_000, "2.40 MB"),
        (123_456_789, "123 MB"),
        (5 * 10**12, "5.00 TB"),
        (7 * 10**15, "7\u202f000 TB"),
    ],
)
def test_sizes(bytes: int | None, words: str) -> None:
    assert wording.size(bytes) == words


@pytest.mark.parametrize(
    ("part", "total", "words"),
    [
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 1_000, "< 1 %"),
        (999, 1_000, "> 99 %"),
        (1, 3, "33 %"),
        (0, 0, "–"),
    ],
)
def test_shares_are_never_nothing_of_something(part: float, total: float, words: str) -> None:
    assert wording.share(part, total) == words


def test_a_moment_is_told_in_utc() -> None:
    assert wording.moment(0) == "1970-01-01 00:00:00 UTC"
    assert wording.moment(None) == "–"


def test_every_class_of_outcome_has_words() -> None:
    assert set(wording.CAUSES) == set(OutcomeClass)
    assert wording.cause_words("bad_input") == "The source cannot be rendered"
    assert wording.cause_words("other") == "other"


def test_states_have_no_underscores() -> None:
    assert not any("_" in wording.state_words(state) for state in (*JobState, *ItemState))


@given(st.text())
def test_what_is_shown_is_printable_and_printable_text_stays(text: str) -> None:
    shown = wording.visible(text)
    assert shown.isprintable()
    assert not text.isprintable() or shown == text


def test_characters_that_turn_a_name_around_are_spelt_out() -> None:
    assert wording.visible("invoice\u202egpj.exe") == "invoice\\u202egpj.exe"
    assert wording.visible("a\nb\x00") == "a\\nb\\x00"


@given(st.text(), st.integers(4, 60))
def test_a_shortened_text_fits_and_keeps_both_ends(text: str, length: int) -> None:
    short = wording.shortened(text, length)
    assert len(short) <= length
    if len(text) > length:
        assert (short[0], short[-1]) == (text[0], text[-1])
    else:
        assert short == text
