from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from giornata.jobs.errors import IllegalTransition, UnknownJob
from giornata.jobs.model.states import ITEM_TRANSITIONS, ItemEvent, ItemState, JobEvent, JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.schema import counter, item, job
from giornata.jobs.store.store import JobStore
from giornata.jobs.store.transitions import change_job, lock_job, move_items, move_job, note, shift
from tests.support.job_rows import counted_by_hand, counts, fill, task

SpecOf = Callable[..., JobSpec]


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


@pytest.fixture
def job_id(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> str:
    """A running job of five items."""
    created = store.jobs.create(spec_of(), base=tmp_path)
    fill(store, created)
    return created


def test_items_move_with_their_counters_and_only_where_asked(store: JobStore, job_id: str) -> None:
    with store._database.write() as connection:
        near = item.c.position < 2
        assert move_items(connection, job_id, ItemEvent.CLAIM, near, values={"lease_worker": "w9"}) == 2
        assert move_items(connection, job_id, ItemEvent.CLAIM, near) == 0
    assert counts(store, job_id) == {"queued": 3, "leased": 2} == counted_by_hand(store, job_id)
    assert [row.lease_worker for row in store.items.all(job_id)] == ["w9", "w9", "", "", ""]


def test_only_the_states_that_are_named_are_left(store: JobStore, job_id: str) -> None:
    with store._database.write() as connection:
        assert move_items(connection, job_id, ItemEvent.CANCEL, among=(ItemState.LEASED,)) == 0
        assert move_items(connection, job_id, ItemEvent.CANCEL, among=(ItemState.QUEUED,)) == 5
    assert counts(store, job_id) == {"cancelled": 5} == counted_by_hand(store, job_id)


def test_what_fails_in_the_middle_moves_nothing(store: JobStore, job_id: str) -> None:
    with pytest.raises(UnknownJob), store._database.write() as connection:
        move_items(connection, job_id, ItemEvent.CLAIM)
        change_job(connection, "none", {"reason": "x"})
    assert counts(store, job_id) == {"queued": 5} == counted_by_hand(store, job_id)


def test_a_locked_job_tells_what_a_manager_reads(store: JobStore, job_id: str) -> None:
    with store._database.write() as connection:
        change_job(connection, job_id, {"not_before": 7.5, "epoch": 3})
        assert lock_job(connection, job_id) == (JobState.RUNNING, 3, 7.5)
        assert lock_job(connection, job_id, shared=True).state is JobState.RUNNING
        with pytest.raises(UnknownJob, match="'none'"):
            lock_job(connection, "none")


def test_a_job_that_moves_leaves_an_event_and_its_times(store: JobStore, job_id: str) -> None:
    with store._database.write() as connection:
        change_job(connection, job_id, {"started_at": 5.0})
        with pytest.raises(IllegalTransition):
            move_job(connection, job_id, JobEvent.DRAIN, now=6.0, actor="anna")
        assert (
            move_job(connection, job_id, JobEvent.PAUSE, now=7.0, actor="anna", reason="lunch")
            is JobState.PAUSING
        )
        move_job(connection, job_id, JobEvent.DRAIN, now=8.0, actor="manager")
        move_job(connection, job_id, JobEvent.RESUME, now=9.0, actor="anna")
        move_job(connection, job_id, JobEvent.START, now=10.0, actor="manager")
        row = connection.execute(select(job).where(job.c.job_id == job_id)).one()
    assert (row.state, row.started_at, row.finished_at, row.updated_at) == ("running", 5.0, None, 10.0)
    assert not row.canary_open
    events = [event for event in store.events.page() if event.at < 11]
    told = [(event.at, event.actor, event.kind, event.detail) for event in events]
    assert told == [
        (7.0, "anna", "pause", "lunch"),
        (8.0, "manager", "drain", ""),
        (9.0, "anna", "resume", ""),
        (10.0, "manager", "start", ""),
    ]


def test_an_event_of_no_job_can_be_noted(store: JobStore) -> None:
    with store._database.write() as connection:
        note(connection, "", "cleaned", now=3.0, actor="anna", detail="2 files")
    (told,) = (event for event in store.events.page() if event.kind == "cleaned")
    assert (told.job_id, told.at, told.actor, told.detail) == ("", 3.0, "anna", "2 files")


def test_counters_are_shifted_by_what_is_said(store: JobStore, job_id: str) -> None:
    with store._database.write() as connection:
        shift(connection, job_id, {ItemState.QUEUED: -2, ItemState.DONE: 2, ItemState.FAILED: 0})
        shift(connection, job_id, {})
        rows = connection.execute(select(counter.c.state, counter.c.amount).where(counter.c.amount != 0))
        assert {row.state: row.amount for row in rows} == {"queued": 3, "done": 2}


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(list(ItemEvent)), st.integers(0, 5)), max_size=12))
def test_counters_are_in_step_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[tuple[ItemEvent, int]]
) -> None:
    words = {"name": "a", "inputs": "scans", "styles": ["wave"], "destination": "out"}
    expected = [ItemState.QUEUED] * 5
    with JobStore(tmp_path_factory.mktemp("moves") / "jobs.sqlite") as store:
        job_id = store.jobs.create(parse_spec(words, origin="spec"), base=Path("/"))
        store.items.insert(job_id, (NewItem(task(name)) for name in "abcde"))
        for happened, below in happenings:
            before = expected
            expected = [
                ITEM_TRANSITIONS.get((state, happened), state) if position < below else state
                for position, state in enumerate(before)
            ]
            able = sum((state, happened) in ITEM_TRANSITIONS for state in before[:below])
            with store._database.write() as connection:
                assert move_items(connection, job_id, happened, item.c.position < below) == able
        assert [row.state for row in store.items.all(job_id)] == expected
        assert counts(store, job_id) == counted_by_hand(store, job_id)
