"""A byte for every item: the same as the store's own rows, however they moved."""

import random

import pytest

from giornata.cluster.service.mosaic import GAP, LETTERS, Mosaics
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobEvent
from giornata.jobs.store.records import NewItem, Settlement
from giornata.jobs.store.store import JobStore
from tests.support.job_rows import DONE, claimed, fail, fill, good, task
from tests.support.services import Place


def by_hand(store: JobStore, job_id: str) -> bytes:
    items = list(store.items.all(job_id))
    cells = bytearray(GAP.encode() * (items[-1].position + 1))
    for item in items:
        cells[item.position] = ord(LETTERS[item.state])
    return bytes(cells)


@pytest.fixture
def job(place: Place) -> str:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    place.store.items.insert(job_id, (NewItem(task(f"n{number:03}")) for number in range(200)))
    place.store.jobs.mark_listed(job_id)
    place.store.jobs.move(job_id, JobEvent.START)
    return job_id


def test_what_is_told_turns_the_last_picture_into_the_next(place: Place, job: str) -> None:
    mosaics, store, chance = Mosaics(place.store), place.store, random.Random(7)
    copy = bytearray(mosaics.cells(job))
    for _ in range(12):
        for claim in claimed(store, job, chance.randrange(1, 20)):
            if chance.random() < 0.8:
                store.leases.finish([Settlement(claim, good(claim), DONE)])
        told = mosaics.changes({}).get(job, {})
        assert "anew" not in told
        for first, last, letter in told["runs"]:
            copy[first : last + 1] = letter.encode() * (last - first + 1)
        assert copy == mosaics.cells(job) == by_hand(store, job)


def test_a_retry_far_behind_is_seen_and_nothing_is_told_when_nothing_moves(place: Place, job: str) -> None:
    mosaics, store = Mosaics(place.store), place.store
    lost = fail(store, job, OutcomeClass.BUG, ItemState.FAILED)
    for claim in claimed(store, job, 100):
        store.leases.finish([Settlement(claim, good(claim), DONE)])
    mosaics.cells(job)
    assert mosaics.changes({}) == {}
    mosaics.watched(job)._scanned_at = 0.0
    store.items.reopen(job, [ItemState.FAILED])
    assert mosaics.changes({}) == {job: {"anew": True, "newest": None}}
    assert mosaics.cells(job) == by_hand(store, job)
    (claim,) = claimed(store, job)
    assert claim.task.item_id == lost
    store.leases.finish([Settlement(claim, good(claim), DONE)])
    assert mosaics.changes({})[job] == {"runs": [[0, 0, "d"]], "newest": 0}


def test_items_that_come_while_somebody_watches_are_there(place: Place, job: str) -> None:
    mosaics = Mosaics(place.store)
    mosaics.cells(job)
    place.store.items.insert(job, (NewItem(task(f"late{number}")) for number in range(30)))
    assert mosaics.changes({})[job]["runs"] == [[200, 229, "q"]]
    assert mosaics.cells(job) == by_hand(place.store, job)


def test_a_position_without_an_item_stays_empty(place: Place) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    fill(place.store, job_id, "ab")
    place.store.items.insert(job_id, [NewItem(task("a")), NewItem(task("z"))])  # the first is there already
    assert Mosaics(place.store).cells(job_id) == by_hand(place.store, job_id)


def test_a_job_nobody_watches_is_forgotten(place: Place, job: str) -> None:
    mosaics = Mosaics(place.store)
    mosaics.watched(job).watched_at = -1e9
    assert mosaics.changes({}) == {}
    assert mosaics.newest(job) is None
