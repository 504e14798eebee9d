import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import UnknownJob
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import LiveJob, NewItem
from giornata.jobs.store.store import JobStore
from tests.support.fakes import ManualClock
from tests.support.job_rows import claimed, fail, fill, task

SpecOf = Callable[..., JobSpec]
TOKEN = "the same for both"  # noqa: S105 - names a submission


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


def test_a_token_is_of_one_owner(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    anna = store.jobs.create(spec_of(), base=tmp_path, client_token=TOKEN, owner="anna")
    bert = store.jobs.create(spec_of(), base=tmp_path, client_token=TOKEN, owner="bert")
    assert anna != bert
    assert store.jobs.create(spec_of(name="b"), base=tmp_path, client_token=TOKEN, owner="anna") == anna
    assert (store.jobs.by_token(TOKEN, "anna"), store.jobs.by_token(TOKEN, "bert")) == (anna, bert)
    assert store.jobs.by_token(TOKEN) is None
    assert store.jobs.get(anna).owner == "anna"
    # However long a token is, and whatever is in it.
    odd = "\0\ud800" + 10_000 * "x"
    assert store.jobs.create(spec_of(), base=tmp_path, client_token=odd) == store.jobs.by_token(odd)


def test_a_token_sent_many_times_at_once_makes_one_job(
    place: str, store: JobStore, spec_of: SpecOf, tmp_path: Path
) -> None:
    made: list[str] = []
    start = threading.Barrier(4)

    def submit() -> None:
        with JobStore(place) as own:
            start.wait()
            made.append(own.jobs.create(spec_of(), base=tmp_path, client_token=TOKEN))

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert store.jobs.ids() == [made[0]] == sorted(set(made))


def test_what_a_job_was_made_with_is_kept(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path, owner="anna", priority=80, max_workers=4)
    record = store.jobs.get(job_id)
    assert (record.owner, record.priority, record.max_workers, record.listed) == ("anna", 80, 4, False)
    assert record.spec_digest == spec_of().digest(base=tmp_path)
    (line,) = store.jobs.page()
    assert (line.name, line.state, line.snapshot) == ("autumn", JobState.LISTING, record.snapshot)


def test_jobs_are_paged_from_the_newest(
    store: JobStore, spec_of: SpecOf, tmp_path: Path, clock: ManualClock
) -> None:
    made = []
    for number in range(7):
        made.append(store.jobs.create(spec_of(name=f"n{number}"), base=tmp_path))
        clock.sleep(number % 2)  # some are made at the same time
    pages, after = [], None
    while page := store.jobs.page(after=after, limit=3):
        pages.append([line.job_id for line in page])
        after = page[-1].job_id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(job_id for page in pages for job_id in page) == sorted(made)
    assert pages[0][0] == made[6]
    assert pages[2][0] in made[:2]
    store.jobs.move(made[2], JobEvent.FAIL, reason="no inputs")
    assert [line.job_id for line in store.jobs.page(states=[JobState.FAILED])] == [made[2]]
    with pytest.raises(UnknownJob):
        store.jobs.page(after="none")


def test_live_jobs_are_those_that_have_not_ended(
    store: JobStore, spec_of: SpecOf, tmp_path: Path, clock: ManualClock
) -> None:
    old, ended, new = (store.jobs.create(spec_of(name=name), base=tmp_path) for name in "abc")
    fill(store, old)
    store.jobs.move(ended, JobEvent.CANCEL)
    assert {job.job_id for job in store.jobs.live()} == {old, new}
    first = next(job for job in store.jobs.live() if job.job_id == old)
    expected = LiveJob(old, JobState.RUNNING, 50, None, True, 0.0, clock.now(), 0, True)
    assert first == expected


def test_a_person_may_change_priority_and_workers(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path, max_workers=2)
    store.jobs.change(job_id, priority=80, actor="anna")
    assert (store.jobs.get(job_id).priority, store.jobs.get(job_id).max_workers) == (80, 2)
    store.jobs.change(job_id, max_workers=None, actor="anna")
    assert (store.jobs.get(job_id).priority, store.jobs.get(job_id).max_workers) == (80, None)
    changes = store.events.page(job_id=job_id, kinds=["set"])
    assert [(event.actor, event.detail) for event in changes] == [
        ("anna", "priority 80"),
        ("anna", "max_workers None"),
    ]
    with pytest.raises(UnknownJob):
        store.jobs.change("none", priority=1, actor="anna")


def test_a_job_that_waited_for_its_listing_is_queued_after_it(
    store: JobStore, spec_of: SpecOf, tmp_path: Path
) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    store.jobs.mark_listed(job_id)
    assert (store.jobs.get(job_id).listed, store.jobs.get(job_id).state) == (True, JobState.QUEUED)
    store.jobs.begin_listing(job_id)
    store.jobs.move(job_id, JobEvent.START)
    assert not store.jobs.get(job_id).listed
    store.jobs.mark_listed(job_id)
    assert (store.jobs.get(job_id).listed, store.jobs.get(job_id).state) == (True, JobState.RUNNING)


def test_a_running_job_hands_out_what_is_listed_so_far(
    store: JobStore, spec_of: SpecOf, tmp_path: Path
) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    store.jobs.move(job_id, JobEvent.START)
    assert claimed(store, job_id) == []
    store.items.insert(job_id, [NewItem(task("a"))])
    assert [claim.task for claim in claimed(store, job_id, 5)] == [task("a")]
    store.items.insert(job_id, [NewItem(task("b"))])
    assert [claim.task for claim in claimed(store, job_id, 5)] == [task("b")]
    assert (store.jobs.get(job_id).state, store.jobs.get(job_id).listed) == (JobState.RUNNING, False)


def test_the_times_of_a_job_are_those_of_its_first_start_and_last_end(
    store: JobStore, spec_of: SpecOf, tmp_path: Path, clock: ManualClock
) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    assert (store.jobs.get(job_id).started_at, store.jobs.get(job_id).finished_at) == (None, None)
    clock.sleep(10)
    began = clock.now()
    fill(store, job_id)
    clock.sleep(10)
    store.jobs.move(job_id, JobEvent.COMPLETE)
    assert (store.jobs.get(job_id).started_at, store.jobs.get(job_id).finished_at) == (began, clock.now())
    store.jobs.move(job_id, JobEvent.RETRY)
    store.jobs.move(job_id, JobEvent.START)
    assert (store.jobs.get(job_id).started_at, store.jobs.get(job_id).finished_at) == (began, None)


def test_the_canary_is_watched_until_it_is_closed_or_a_person_resumes(
    store: JobStore, spec_of: SpecOf, tmp_path: Path
) -> None:
    one, two = (store.jobs.create(spec_of(name=name), base=tmp_path) for name in "ab")
    for job_id in (one, two):
        fill(store, job_id)
    store.jobs.close_canary(one)
    for event in (JobEvent.CANARY, JobEvent.DRAIN, JobEvent.RESUME):
        assert next(job for job in store.jobs.live() if job.job_id == two).canary_open
        store.jobs.move(two, event)
    assert not any(job.canary_open for job in store.jobs.live())


def test_losses_are_told_by_their_class(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job_id = store.jobs.create(spec_of(), base=tmp_path)
    fill(store, job_id)
    assert store.items.lost_by_class(job_id) == {}
    for kind in (OutcomeClass.BUG, OutcomeClass.BAD_INPUT, OutcomeClass.BUG):
        fail(store, job_id, kind, ItemState.FAILED)
    assert store.items.lost_by_class(job_id) == {"bug": 2, "bad_input": 1}


def test_an_id_that_no_database_could_hold_is_just_unknown(store: JobStore) -> None:
    with pytest.raises(UnknownJob):
        store.jobs.get("a\0b")
    with pytest.raises(UnknownJob):
        store.jobs.snapshot("a\ud800b")
