import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import IllegalTransition, Superseded, UnknownJob
from giornata.jobs.model.attempt import Claim, OutcomeClass
from giornata.jobs.model.retry import Decision, History, RetryPolicy
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.records import NewItem, Settlement
from giornata.jobs.store.store import JobStore
from tests.support.fakes import ManualClock, ended
from tests.support.job_rows import DONE, claimed, counted_by_hand, counts, fill, good, task

SpecOf = Callable[..., JobSpec]


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    """What is said here holds for both databases."""
    return either_store


@pytest.fixture
def job_id(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> str:
    """A running job of five items, not yet taken over."""
    created = store.jobs.create(spec_of(), base=tmp_path)
    fill(store, created)
    return created


def test_a_job_is_found_again_by_name_and_spec(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    first = store.jobs.create(spec_of(), base=tmp_path)
    assert store.jobs.create(spec_of(), base=tmp_path) == first
    assert store.jobs.find(spec_of(), base=tmp_path) == first
    assert store.jobs.find(spec_of(styles="night"), base=tmp_path) is None
    assert store.jobs.create(spec_of(), base=tmp_path, client_token="mine") != first  # noqa: S106 - names a submission
    assert len(store.jobs.ids()) == 2
    record = store.jobs.get(first)
    assert (record.spec, record.base, record.state) == (spec_of(), tmp_path.resolve(), JobState.LISTING)
    assert first.startswith("autumn-")


def test_a_job_nobody_made_is_unknown(store: JobStore) -> None:
    for ask in (store.jobs.get, store.jobs.snapshot, store.leases.raise_epoch):
        with pytest.raises(UnknownJob, match="'none'"):
            ask("none")
    with pytest.raises(UnknownJob):
        store.jobs.move("none", JobEvent.START)


def test_an_event_a_job_does_not_know_is_refused(store: JobStore, job_id: str) -> None:
    with pytest.raises(IllegalTransition, match="moving a job that is running: got drain"):
        store.jobs.move(job_id, JobEvent.DRAIN)


def test_items_a_job_has_already_are_left_alone(store: JobStore, job_id: str) -> None:
    claimed(store, job_id, 2)
    assert store.items.insert(job_id, [NewItem(task(name)) for name in "abcdefg"]) == 2
    assert counts(store, job_id) == {"queued": 5, "leased": 2} == counted_by_hand(store, job_id)


def test_items_come_in_order_and_raise_their_attempt(store: JobStore, job_id: str) -> None:
    one, two = claimed(store, job_id, 2)
    assert [one.task, two.task] == [task("a"), task("b")]
    assert (one.attempt, one.epoch, one.replace) == (1, 0, False)
    assert Path(one.temporary).name.startswith(f".giornata-{one.task.item_id}-1-")
    assert [claim.task.source for claim in claimed(store, job_id, 9)] == [f"/in/{name}.jpg" for name in "cde"]
    assert claimed(store, job_id) == []


def test_a_delivered_item_is_recorded_and_counted(store: JobStore, job_id: str) -> None:
    (claim,) = claimed(store, job_id)
    assert store.leases.prepare([(claim, good(claim))]) == {claim.key: History()}
    twice = [Settlement(claim, good(claim), DONE)] * 2
    assert store.leases.finish(twice) == [True, False]
    (item,) = store.items.all(job_id, [ItemState.DONE])
    assert (item.sha256, item.bytes, item.width, item.height, item.seconds) == ("5" * 64, 77, 4, 5, 2.0)
    snapshot = store.jobs.snapshot(job_id)
    assert (snapshot.pixels_done, snapshot.busy_s, snapshot.settled, snapshot.total) == (20, 2.0, 1, 5)
    assert store.deliveries.owns("/out/a.jpg")
    assert not store.deliveries.owns("/out/b.jpg")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda store, job_id, claim: claim, id="reported twice"),
        pytest.param(
            lambda store, job_id, claim: replaced(claim, attempt=claim.attempt + 1), id="later attempt"
        ),
        pytest.param(lambda store, job_id, claim: replaced(claim, epoch=claim.epoch + 1), id="later epoch"),
        pytest.param(lambda store, job_id, claim: requeued(store, job_id, claim), id="after a requeue"),
        pytest.param(
            lambda store, job_id, claim: taken_over(store, job_id, claim), id="from an earlier epoch"
        ),
    ],
)
def test_a_stale_report_changes_nothing_and_is_counted(
    store: JobStore, job_id: str, spoil: Callable[[JobStore, str, Claim], Claim]
) -> None:
    (claim,) = claimed(store, job_id)
    stale = spoil(store, job_id, claim)
    if stale is claim:
        store.leases.finish([Settlement(claim, good(claim), DONE)])
    before = list(store.items.all(job_id)), counts(store, job_id)
    assert store.leases.prepare([(stale, good(stale))]) == {}
    assert store.leases.finish([Settlement(stale, good(stale), DONE)]) == [False]
    assert (list(store.items.all(job_id)), counts(store, job_id)) == before
    assert store.jobs.snapshot(job_id).stale_reports == 2


def replaced(claim: Claim, **changes: int) -> Claim:
    return claim.model_copy(update=changes)


def requeued(store: JobStore, job_id: str, claim: Claim) -> Claim:
    back = Decision(ItemState.QUEUED, "again")
    store.leases.finish([Settlement(claim, ended(claim, OutcomeClass.TRANSIENT_IO), back)])
    claimed(store, job_id, 5)
    return replaced(claim)


def taken_over(store: JobStore, job_id: str, claim: Claim) -> Claim:
    store.leases.raise_epoch(job_id)
    claimed(store, job_id, 5)
    return replaced(claim)


def test_a_new_epoch_returns_what_was_in_flight(store: JobStore, job_id: str) -> None:
    old = claimed(store, job_id, 2)
    epoch, returned = store.leases.raise_epoch(job_id)
    assert (epoch, [claim.key for claim in returned]) == (1, [claim.key for claim in old])
    assert counts(store, job_id) == {"queued": 5}
    with pytest.raises(Superseded, match="has epoch 0, another has taken over with 1"):
        store.leases.claim(job_id, 1, 60.0, "w1", epoch=0)
    (again,) = store.leases.claim(job_id, 1, 60.0, "w1", epoch=epoch)
    assert (again.task, again.attempt, again.epoch) == (old[0].task, 2, 1)


def test_a_publication_cut_short_can_be_adopted(store: JobStore, job_id: str) -> None:
    (claim,) = claimed(store, job_id)
    store.leases.prepare([(claim, good(claim))])
    store.leases.raise_epoch(job_id)
    ((item_id, target, sha256, size),) = store.leases.intents(job_id)
    assert (target, sha256, size) == ("/out/a.jpg", "5" * 64, 77)
    assert store.deliveries.owns(target)
    assert store.deliveries.find(target) is None
    assert store.leases.adopt(job_id, item_id, sha256=sha256, bytes=size)
    assert store.leases.intents(job_id) == []
    assert counts(store, job_id) == {"queued": 4, "done": 1} == counted_by_hand(store, job_id)


def test_a_decision_is_remembered_for_the_next_attempt(
    store: JobStore, job_id: str, clock: ManualClock
) -> None:
    policy = RetryPolicy(retries=3)
    (claim,) = claimed(store, job_id)
    for kind in (OutcomeClass.TRANSIENT_IO, OutcomeClass.WORKER_LOST, OutcomeClass.OOM_DEVICE):
        report = ended(claim, kind, worker="w7")
        (history,) = store.leases.prepare([(claim, report)]).values()
        store.leases.finish([Settlement(claim, report, policy.decide(report, history))])
        clock.sleep(1000)
        (claim,) = claimed(store, job_id)
        assert claim.task.item_id == task("a").item_id
    assert (claim.attempt, claim.avoid_worker, claim.task.tile_px) == (4, "w7", 512)
    assert list(store.leases.prepare([(claim, good(claim))]).values()) == [History(1, 1, 512)]


def test_a_delayed_item_waits_for_its_time(store: JobStore, job_id: str, clock: ManualClock) -> None:
    everything = claimed(store, job_id, 5)
    later = Decision(ItemState.QUEUED, "later", delay_s=30)
    store.leases.finish(
        [Settlement(claim, ended(claim, OutcomeClass.TIMEOUT), later) for claim in everything]
    )
    assert claimed(store, job_id) == []
    assert store.leases.next_ready_s(job_id) == pytest.approx(30)
    clock.sleep(30)
    assert store.leases.next_ready_s(job_id) == 0
    assert len(claimed(store, job_id, 9)) == 5
    assert store.leases.next_ready_s(job_id) is None


def test_a_held_job_hands_nothing_out(store: JobStore, job_id: str, clock: ManualClock) -> None:
    (claim,) = claimed(store, job_id)
    hold = Decision(ItemState.QUEUED, "slow down", hold_job_s=20)
    store.leases.finish([Settlement(claim, ended(claim, OutcomeClass.THROTTLED), hold)])
    assert claimed(store, job_id) == []
    assert store.leases.next_ready_s(job_id) == pytest.approx(20)
    clock.sleep(20)
    assert len(claimed(store, job_id, 9)) == 5


def test_failures_are_listed_and_can_be_reopened(store: JobStore, job_id: str) -> None:
    one, two = claimed(store, job_id, 2)
    store.leases.finish([Settlement(one, ended(one, OutcomeClass.BUG), Decision(ItemState.FAILED, "broke"))])
    bad = Decision(ItemState.QUARANTINED, "half a file")
    store.leases.finish([Settlement(two, ended(two, OutcomeClass.BAD_INPUT), bad)])
    assert [(item.state, item.reason) for item in store.items.failures(job_id)] == [
        (ItemState.FAILED, "broke"),
        (ItemState.QUARANTINED, "half a file"),
    ]
    assert len(store.items.failures(job_id, limit=1)) == 1
    assert store.items.reopen(job_id, [ItemState.FAILED]) == 1
    assert counts(store, job_id) == {"queued": 4, "quarantined": 1} == counted_by_hand(store, job_id)


def test_leases_can_be_given_back(store: JobStore, job_id: str) -> None:
    claimed(store, job_id, 3)
    assert store.leases.return_leases(job_id, epoch=0) == 3
    assert counts(store, job_id) == {"queued": 5}


def test_the_newest_delivery_of_a_target_is_told(
    store: JobStore, job_id: str, spec_of: SpecOf, tmp_path: Path, clock: ManualClock
) -> None:
    for job in (job_id, store.jobs.create(spec_of(name="b"), base=tmp_path)):
        if job != job_id:
            store.items.insert(job, [NewItem(task("a"), replace=True)])
            store.jobs.move(job, JobEvent.LISTED)
            store.jobs.move(job, JobEvent.START)
        (claim,) = claimed(store, job)
        store.leases.finish([Settlement(claim, good(claim), DONE)])
        clock.sleep(1)
    assert claim.replace
    delivery = store.deliveries.find("/out/a.jpg")
    assert delivery is not None
    assert (delivery.job_id, delivery.content_key) == (job, task("a").content_key())


def test_what_stands_at_a_target_is_ours_until_it_is_replaced(store: JobStore, job_id: str) -> None:
    (claim,) = claimed(store, job_id)
    store.leases.finish([Settlement(claim, good(claim), DONE)])
    delivered = {(77, "5" * 64)}
    assert store.deliveries.put_at("/out/a.jpg") == delivered
    assert store.deliveries.put_at("/out/b.jpg") == set()
    newer = task("a").model_copy(update={"source_stamp": "newer"})
    assert store.renewals.requeue_changed(job_id, newer, replace=True)
    assert store.deliveries.find("/out/a.jpg") is None
    assert store.deliveries.put_at("/out/a.jpg") == delivered
    (claim,) = claimed(store, job_id)
    failed = ended(claim, OutcomeClass.BUG)
    store.leases.finish([Settlement(claim, failed, Decision(ItemState.FAILED, "broke"))])
    assert store.items.reopen(job_id, [ItemState.FAILED]) == 1
    assert store.deliveries.put_at("/out/a.jpg") == delivered
    assert store.deliveries.owns("/out/a.jpg")


def test_everything_is_there_after_opening_again(
    store: JobStore, job_id: str, place: str, clock: ManualClock
) -> None:
    claimed(store, job_id, 2)
    store.close()
    with JobStore(place, clock=clock) as again:
        assert counts(again, job_id) == {"queued": 3, "leased": 2}


def test_items_are_paged_in_order(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job = store.jobs.create(spec_of(), base=tmp_path)
    store.items.insert(job, (NewItem(task(f"{n:05}")) for n in range(2_500)))
    assert [item.position for item in store.items.all(job)] == list(range(2_500))


def test_inserting_many_items_stays_flat_in_memory(store: JobStore, spec_of: SpecOf, tmp_path: Path) -> None:
    job = store.jobs.create(spec_of(), base=tmp_path)
    plain = task("a")
    store.items.insert(job, [NewItem(plain)])

    def many(start: int, count: int) -> int:
        items = (
            NewItem(plain.model_copy(update={"item_id": f"{n:020}"})) for n in range(start, start + count)
        )
        tracemalloc.start()
        try:
            store.items.insert(job, items)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few_bytes, many_bytes = many(0, 2_000), many(10_000, 8_000)
    assert store.jobs.snapshot(job).total == 10_001
    assert many_bytes < few_bytes + 1_000_000
