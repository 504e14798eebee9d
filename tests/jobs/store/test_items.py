from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import UnknownItem, UnknownJob
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from tests.support.job_rows import claimed, counted_by_hand, counts, fail, fill, task

SpecOf = Callable[..., JobSpec]
BUG, BAD, FAILED, QUARANTINED = (
    OutcomeClass.BUG,
    OutcomeClass.BAD_INPUT,
    ItemState.FAILED,
    ItemState.QUARANTINED,
)


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


@pytest.fixture
def job_id(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> str:
    created = store.jobs.create(spec_of(), base=tmp_path)
    fill(store, created)
    return created


def test_a_job_listed_twice_keeps_its_order(store: JobStore, job_id: str) -> None:
    assert store.items.insert(job_id, [NewItem(task(name)) for name in "xbay"]) == 2
    places = {item.source: item.position for item in store.items.all(job_id)}
    assert [Path(source).stem for source in places] == list("abcdexy")
    assert list(places.values()) == sorted(places.values())
    assert [places[f"/in/{name}.jpg"] for name in "abcde"] == [0, 1, 2, 3, 4]


def test_items_arrive_in_the_state_they_end_in(store: JobStore, job_id: str) -> None:
    new = [
        NewItem(task("f"), ItemState.FAILED, "exists\0 already"),
        NewItem(task("g")),
        NewItem(task("h"), ItemState.SKIPPED, "delivered"),
    ]
    assert store.items.insert(job_id, new) == 3
    assert counts(store, job_id) == {"queued": 6, "failed": 1, "skipped": 1} == counted_by_hand(store, job_id)
    assert store.items.get(job_id, task("f").item_id).reason == "exists already"


def test_items_of_no_job_are_refused(store: JobStore) -> None:
    for attempt in (
        lambda: store.items.insert("none", [NewItem(task("a"))]),
        lambda: store.items.reopen("none", [FAILED]),
        lambda: store.items.cancel("none"),
        lambda: store.items.skip("none", ["a"], actor="anna", reason="x"),
    ):
        with pytest.raises(UnknownJob):
            attempt()
    assert store.items.page("none") == []


def test_a_page_goes_on_where_the_last_one_ended(store: JobStore, job_id: str) -> None:
    first = store.items.page(job_id, limit=2)
    rest = store.items.page(job_id, after=(first[-1].position, first[-1].item_id))
    assert [Path(item.source).stem for item in [*first, *rest]] == list("abcde")


def test_a_page_may_hold_some_states_and_classes_only(store: JobStore, job_id: str) -> None:
    bug = fail(store, job_id, BUG, FAILED)
    bad = fail(store, job_id, BAD, QUARANTINED)
    assert [item.item_id for item in store.items.page(job_id, classes=[BUG, BAD])] == [bug, bad]
    assert [item.item_id for item in store.items.page(job_id, classes=[BUG])] == [bug]
    assert [item.item_id for item in store.items.page(job_id, states=[QUARANTINED])] == [bad]
    assert store.items.page(job_id, states=[QUARANTINED], classes=[BUG]) == []
    assert store.items.page(job_id, states=[]) == []


def test_one_item_and_its_attempts_can_be_looked_at(store: JobStore, job_id: str) -> None:
    (claim,) = claimed(store, job_id)
    held = store.items.get(job_id, claim.task.item_id)
    assert (held.state, held.attempt, held.lease_worker) == (ItemState.LEASED, 1, "w1")
    assert held.content_key == task("a").content_key()
    store.leases.return_leases(job_id, epoch=0)
    again = fail(store, job_id, BUG, FAILED)
    assert again == claim.task.item_id
    (attempt,) = store.items.attempts(job_id, again)
    assert (attempt.attempt, attempt.worker, attempt.outcome_class) == (2, "w1", BUG)
    assert attempt.decision == "failed: because of bug"
    for look in (store.items.get, store.items.attempts):
        with pytest.raises(UnknownItem, match=f"'none': job '{job_id}' has no such item"):
            look(job_id, "none")


def test_what_is_opened_again_can_be_narrowed_down(store: JobStore, job_id: str) -> None:
    bug, bad, other = (fail(store, job_id, kind, FAILED) for kind in (BUG, BAD, BUG))
    assert store.items.reopen(job_id, [QUARANTINED]) == 0
    assert store.items.reopen(job_id, [FAILED], classes=[BAD], items=[bug]) == 0
    assert store.items.reopen(job_id, [FAILED], classes=[BAD], actor="anna") == 1
    assert store.items.reopen(job_id, [FAILED], items=[bug, "none"]) == 1
    assert store.items.reopen(job_id, [FAILED], items=[]) == 0
    assert counts(store, job_id) == {"queued": 4, "failed": 1} == counted_by_hand(store, job_id)
    assert store.items.get(job_id, other).state is FAILED
    assert store.items.get(job_id, bad).outcome_class is None
    said = store.events.page(job_id=job_id, kinds=["reopen_items"])
    assert [(event.actor, event.detail) for event in said] == [
        ("anna", "1 items: failed, bad_input"),
        ("manager", "1 items: failed"),
    ]


def test_items_can_be_skipped_unless_they_are_delivered_or_worked_on(store: JobStore, job_id: str) -> None:
    bug, bad = fail(store, job_id, BUG, FAILED), fail(store, job_id, BAD, QUARANTINED)
    (leased,) = claimed(store, job_id)
    queued = task("d").item_id
    ids = [bug, bad, leased.task.item_id, queued, "none"]
    assert store.items.skip(job_id, ids, actor="anna", reason="not wanted") == 3
    assert counts(store, job_id) == {"queued": 1, "leased": 1, "skipped": 3} == counted_by_hand(store, job_id)
    assert store.items.get(job_id, bug).reason == "not wanted"
    assert store.items.get(job_id, bug).outcome_class is None
    (event,) = store.events.page(job_id=job_id, kinds=["skip_items"])
    assert (event.actor, event.detail) == ("anna", "3 items: not wanted")
    assert store.items.skip(job_id, ids, actor="anna", reason="again") == 0


def test_many_ids_at_once_are_no_trouble(store: JobStore, job_id: str) -> None:
    ids = [f"{n:020}" for n in range(10_000)]
    assert store.items.skip(job_id, [*ids, task("a").item_id], actor="anna", reason="x") == 1


def test_only_what_waits_is_cancelled(store: JobStore, job_id: str) -> None:
    claimed(store, job_id, 2)
    assert store.items.cancel(job_id) == 3
    assert counts(store, job_id) == {"leased": 2, "cancelled": 3} == counted_by_hand(store, job_id)
