import pytest

from giornata.jobs.store.records import BlockKind, BlockRecord, WorkerRecord
from giornata.jobs.store.store import JobStore
from tests.fakes import ManualClock


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


def seen(name: str, **more: object) -> WorkerRecord:
    plain = {"state": "idle", "node": "n1", "pid": None, "job_id": "", "item_id": "", "done": 0}
    return WorkerRecord(worker=name, failures=0, seen_at=1.0, **{**plain, **more})  # type: ignore[arg-type]


def test_workers_are_those_last_seen(store: JobStore) -> None:
    assert store.workers() == []
    store.put_workers([seen("b"), seen("a", pid=5)])
    assert store.workers() == [seen("a", pid=5), seen("b")]
    store.put_workers([seen("b", state="busy", done=3), seen("c")])
    assert store.workers() == [seen("b", state="busy", done=3), seen("c")]
    store.put_workers([])
    assert store.workers() == []


def test_a_worker_is_held_back_until_it_is_let_go(store: JobStore, clock: ManualClock) -> None:
    store.block("w1", BlockKind.SET_ASIDE, reason="failed three", by="manager")
    store.block("w1", BlockKind.DRAIN, reason="hot", by="anna")
    store.block("w1", BlockKind.DRAIN, reason="on fire", by="bert")
    now = clock.now()
    assert store.blocks() == [
        BlockRecord("w1", BlockKind.DRAIN, "on fire", "bert", now),
        BlockRecord("w1", BlockKind.SET_ASIDE, "failed three", "manager", now),
    ]
    assert store.unblock("w1", by="anna")
    assert store.blocks() == []
    assert not store.unblock("w1", by="anna")
    kinds = [(event.kind, event.actor, event.detail) for event in store.events()]
    assert kinds[-2:] == [("drain", "bert", "w1: on fire"), ("unblock", "anna", "w1")]
