from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.cluster.errors import InvalidParameter, UnknownWorker
from giornata.cluster.service import validation
from giornata.jobs.errors import IllegalTransition, PlanRefused, UnknownItem, UnknownJob
from tests.support.services import Place

NUL = "\0"


@given(st.text(max_size=30))
def test_a_cursor_is_read_or_refused(cursor: str) -> None:
    for read in (validation.item_cursor, validation.event_cursor):
        try:
            read(cursor)
        except InvalidParameter as error:
            assert "\n" not in str(error)


def test_cursors_of_pages_are_taken() -> None:
    assert validation.item_cursor("7:a82") == (7, "a82")
    assert validation.item_cursor(None) is None
    assert validation.event_cursor("12") == 12


@pytest.mark.parametrize("number", ["-1", "1.5", "²", "9" * 19 + "9", "1 "])
def test_what_is_no_number_is_no_cursor(number: str) -> None:
    with pytest.raises(InvalidParameter):
        validation.event_cursor(number)


def test_questions_out_of_range_are_refused(place: Place) -> None:
    job_id = place.listed()
    job_service = place.job_service
    for ask in (
        lambda: job_service.jobs(limit=0),
        lambda: job_service.items(job_id, limit=1001),
        lambda: job_service.set_job(job_id, priority=101),
        lambda: job_service.set_job(job_id, max_workers=4, unlimited=True),
        lambda: job_service.skip(job_id, [], reason="two\nlines"),
        lambda: job_service.submit(place.spec(), base=Path("scans")),
        lambda: job_service.submit(place.spec(), base=place.root / "nowhere"),
        lambda: job_service.submit(place.spec(), base=place.root, client_token=NUL),
        lambda: job_service.submit(place.spec(name=f"a{NUL}b"), base=place.root),
    ):
        with pytest.raises(InvalidParameter):
            ask()
    for unknown in (
        job_service.job,
        job_service.pause,
        job_service.retry,
        job_service.report,
        job_service.verify,
        job_service.items,
    ):
        with pytest.raises(UnknownJob):
            unknown("nobody")
    with pytest.raises(UnknownItem):
        job_service.item(job_id, "nothing")
    with pytest.raises(UnknownWorker):
        job_service.block("render-9")
    with pytest.raises(IllegalTransition):
        job_service.resume(job_id)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"inputs": ["scans", "nowhere", "missing/*.jpg"]}, "nowhere"),
        ({"styles": ["waves"]}, "did you mean 'wave'"),
        ({"destination": "scans/a.jpg"}, "needed a folder"),
    ],
)
def test_a_batch_that_cannot_run_is_refused_at_once(
    place: Place, more: dict[str, object], words: str
) -> None:
    for ask in (place.job_service.submit, place.job_service.plan):
        with pytest.raises(PlanRefused, match=words):
            ask(place.spec(**more), base=place.root)
    assert place.store.jobs.ids() == []


def test_a_name_with_the_letters_of_a_glob_is_a_name(place: Place) -> None:
    (place.root / "set [1].jpg").write_bytes(b"not looked at")
    assert place.job_service.submit(
        place.spec(inputs=["set [1].jpg", "scans/*.jpg"]), base=place.root
    ).created
