"""What the desk refuses before the store is asked, and what it learns by looking."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.cluster.errors import InvalidParameter, UnknownWorker
from giornata.cluster.service import validation as questions
from giornata.cluster.service.leader import Manifests
from giornata.cluster.service.rates import Rates
from giornata.jobs.errors import IllegalTransition, PlanRefused, UnknownItem, UnknownJob
from giornata.jobs.model.states import ItemState, JobEvent
from tests.support.services import Place

NUL = "\0"


@given(st.text(max_size=30))
def test_a_cursor_is_read_or_refused(cursor: str) -> None:
    for read in (questions.item_cursor, questions.event_cursor):
        try:
            read(cursor)
        except InvalidParameter as error:
            assert "\n" not in str(error)


def test_cursors_of_pages_are_taken() -> None:
    assert questions.item_cursor("7:a82") == (7, "a82")
    assert questions.item_cursor(None) is None
    assert questions.event_cursor("12") == 12


@pytest.mark.parametrize("number", ["-1", "1.5", "²", "9" * 19 + "9", "1 "])
def test_what_is_no_number_is_no_cursor(number: str) -> None:
    with pytest.raises(InvalidParameter):
        questions.event_cursor(number)


def test_questions_out_of_range_are_refused(place: Place) -> None:
    job_id = place.listed()
    desk = place.desk
    for ask in (
        lambda: desk.jobs(limit=0),
        lambda: desk.items(job_id, limit=1001),
        lambda: desk.set_job(job_id, priority=101),
        lambda: desk.set_job(job_id, max_workers=4, unlimited=True),
        lambda: desk.skip(job_id, [], reason="two\nlines"),
        lambda: desk.submit(place.spec(), base=Path("scans")),
        lambda: desk.submit(place.spec(), base=place.root / "nowhere"),
        lambda: desk.submit(place.spec(), base=place.root, client_token=NUL),
        lambda: desk.submit(place.spec(name=f"a{NUL}b"), base=place.root),
    ):
        with pytest.raises(InvalidParameter):
            ask()
    for unknown in (desk.job, desk.pause, desk.retry, desk.report, desk.verify, desk.items):
        with pytest.raises(UnknownJob):
            unknown("nobody")
    with pytest.raises(UnknownItem):
        desk.item(job_id, "nothing")
    with pytest.raises(UnknownWorker):
        desk.block("render-9")
    with pytest.raises(IllegalTransition):
        desk.resume(job_id)


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
    for ask in (place.desk.submit, place.desk.plan):
        with pytest.raises(PlanRefused, match=words):
            ask(place.spec(**more), base=place.root)
    assert place.store.jobs.ids() == []


def test_a_name_with_the_letters_of_a_glob_is_a_name(place: Place) -> None:
    (place.root / "set [1].jpg").write_bytes(b"not looked at")
    assert place.desk.submit(place.spec(inputs=["set [1].jpg", "scans/*.jpg"]), base=place.root).created


def test_retrying_nothing_leaves_the_job_where_it_is(place: Place) -> None:
    job_id = place.listed()
    for event in (JobEvent.START, JobEvent.COMPLETE):
        place.store.jobs.move(job_id, event)
    changed = place.desk.retry(job_id)
    assert (changed.items, changed.job.state) == (0, "completed")


def test_a_pace_is_learnt_by_looking_and_forgotten_in_a_pause(place: Place) -> None:
    job_id = place.listed()
    rates = Rates()
    first = place.store.jobs.get(job_id)
    assert rates.of(first, now=first.created_at).images_per_s is None
    items = [item.item_id for item in place.store.items.page(job_id)]
    place.store.items.skip(job_id, items[:2], actor="anna", reason="for the pace")
    assert rates.of(place.store.jobs.get(job_id), now=first.created_at + 4).images_per_s == 0.5
    place.desk.pause(job_id)
    assert rates.of(place.store.jobs.get(job_id), now=first.created_at + 5).images_per_s is None


def test_a_job_that_ends_gets_its_manifest_and_a_failure_is_written_down(place: Place) -> None:
    job_id = place.listed()
    items = [item.item_id for item in place.store.items.page(job_id)]
    place.store.items.skip(job_id, items, actor="anna", reason="none is wanted")
    with Manifests(place.store) as manifests:
        manifests.on_job(place.store.jobs.snapshot(job_id))
    assert not (place.root / "out").exists()
    for event in (JobEvent.START, JobEvent.COMPLETE):
        place.store.jobs.move(job_id, event)
    with Manifests(place.store) as manifests:
        manifests.on_job(place.store.jobs.snapshot(job_id))
    assert (place.root / "out" / "manifest.csv").read_text().count(ItemState.SKIPPED) == 3
    (place.root / "out" / "manifest.csv").write_text("somebody else's")
    with Manifests(place.store) as manifests:
        manifests.on_job(place.store.jobs.snapshot(job_id))
    [event] = place.store.events.page(kinds=["manifest_failed"])
    assert "not written here" in event.detail
