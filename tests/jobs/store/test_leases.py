import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import Superseded
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobEvent
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import NewItem, Settlement
from giornata.jobs.store.store import JobStore
from tests.support.fakes import ended
from tests.support.job_rows import DONE, counted_by_hand, counts, fill, good, task

SpecOf = Callable[..., JobSpec]


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


@pytest.fixture
def job_id(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> str:
    created = store.jobs.create(spec_of(), base=tmp_path)
    store.items.insert(created, (NewItem(task(f"{n:04}")) for n in range(300)))
    fill(store, created, "")
    return created


def at_once(*calls: Callable[[], None]) -> None:
    """Run calls side by side; the first trouble of any of them is raised."""
    troubles: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def test_two_that_claim_at_once_never_get_the_same_item(place: str, store: JobStore, job_id: str) -> None:
    taken: list[str] = []

    def work() -> None:
        with JobStore(place) as own:
            while claims := own.leases.claim(job_id, 7, 60.0, "w", epoch=0):
                taken.extend(claim.task.item_id for claim in claims)

    at_once(work, work, work)
    while claims := store.leases.claim(
        job_id, 7, 60.0, "w", epoch=0
    ):  # rows passed over while another held them
        taken.extend(claim.task.item_id for claim in claims)
    assert len(taken) == len(set(taken)) == 300
    assert counts(store, job_id) == {"leased": 300} == counted_by_hand(store, job_id)


def test_claims_reports_lists_and_people_do_not_get_in_each_others_way(
    place: str, store: JobStore, job_id: str
) -> None:
    over = threading.Event()

    def work() -> None:
        try:
            for turn in range(40):
                claims = store.leases.claim(job_id, 7, 60.0, "w", epoch=0)
                store.leases.prepare([(claim, good(claim)) for claim in claims])
                bad = Decision(ItemState.FAILED, "no")
                store.leases.finish(
                    [
                        Settlement(claim, ended(claim, OutcomeClass.BUG), bad)
                        if turn % 2
                        else Settlement(claim, good(claim), DONE)
                        for claim in claims
                    ]
                )
        finally:
            over.set()

    def meddle() -> None:
        with JobStore(place) as own:
            number = 0
            while not over.is_set():
                own.items.reopen(job_id, [ItemState.FAILED])
                own.items.insert(job_id, [NewItem(task(f"new{number}"))])
                own.items.skip(job_id, [task(f"{number:04}").item_id], actor="anna", reason="x")
                own.jobs.move(job_id, JobEvent.PAUSE)
                own.jobs.move(job_id, JobEvent.RESUME)
                own.jobs.change(job_id, priority=number, actor="anna")
                number += 1

    at_once(work, meddle)
    assert counts(store, job_id) == counted_by_hand(store, job_id)


def test_a_manager_that_was_overtaken_gets_nothing_more(place: str, store: JobStore, job_id: str) -> None:
    epoch, _ = store.leases.raise_epoch(job_id)
    claims = store.leases.claim(job_id, 5, 60.0, "w", epoch=epoch)
    with JobStore(place) as newer:
        assert newer.leases.raise_epoch(job_id)[0] == epoch + 1
    with pytest.raises(Superseded):
        store.leases.claim(job_id, 5, 60.0, "w", epoch=epoch)
    assert store.leases.prepare([(claim, good(claim)) for claim in claims]) == {}
    assert store.leases.finish([Settlement(claim, good(claim), DONE) for claim in claims]) == [False] * 5
    assert counts(store, job_id) == {"queued": 300}
    assert store.jobs.snapshot(job_id).stale_reports == 10


def test_reports_of_several_jobs_may_come_in_one_batch(
    store: JobStore, job_id: str, spec_of: SpecOf, tmp_path: Path
) -> None:
    other = store.jobs.create(spec_of(name="winter"), base=tmp_path)
    fill(store, other, "xyz")
    claims = [
        *store.leases.claim(job_id, 2, 60.0, "w", epoch=0),
        *store.leases.claim(other, 2, 60.0, "w", epoch=0),
    ]
    assert len(store.leases.prepare([(claim, good(claim)) for claim in claims])) == 4
    assert store.leases.finish([Settlement(claim, good(claim), DONE) for claim in claims]) == [True] * 4
    assert counts(store, job_id) == {"queued": 298, "done": 2}
    assert counts(store, other) == {"queued": 1, "done": 2}


def test_what_a_failed_attempt_said_is_kept(store: JobStore, job_id: str) -> None:
    (claim,) = store.leases.claim(job_id, 1, 60.0, "w", epoch=0)
    report = ended(claim, OutcomeClass.BUG).model_copy(update={"log": "Traceback: here"})
    store.leases.finish([Settlement(claim, report, Decision(ItemState.QUEUED, "again"))])
    (attempt,) = store.items.attempts(job_id, claim.task.item_id)
    assert (attempt.log, attempt.decision) == ("Traceback: here", "queued: again")


def test_reasons_with_what_no_database_holds_are_kept_without_it(store: JobStore, job_id: str) -> None:
    (claim,) = store.leases.claim(job_id, 1, 60.0, "w", epoch=0)
    report = ended(claim, OutcomeClass.BUG, "half\0a file")
    store.leases.finish([Settlement(claim, report, Decision(ItemState.FAILED, report.reason))])
    (item,) = store.items.failures(job_id)
    assert item.reason == "halfa file"
    assert store.items.attempts(job_id, item.item_id)[0].reason == item.reason
