import pytest

from giornata.jobs.store.records import BlockKind, BlockRecord, WorkerRecord
from giornata.jobs.store.store import JobStore
from tests.support.fakes import ManualClock


@pytest.fixture
def store(either_store: JobStore) -> JobStore:
    return either_store


def seen(name: str, **more: object) -> WorkerRecord:
    plain = {"state": "idle", "node": "n1", "pid": None, "job_id": "", "item_id": "", "done": 0}
    return WorkerRecord(worker=name, failures=0, seen_at=1.0, **{**plain, **more})  # type: ignore[arg-type]


def test_workers_are_those_last_seen(store: JobStore) -> None:
    assert store.workers.all() == []
    store.workers.put([seen("b"), seen("a", pid=5)])
    assert store.workers.all() == [seen("a", pid=5), seen("b")]
    store.workers.put([seen("b", state="busy", done=3), seen("c")])
    assert store.workers.all() == [seen("b", state="busy", done=3), seen("c")]
    store.workers.put([])
    assert store.workers.all() == []


def test_a_worker_is_held_back_until_it_is_let_go(store: JobStore, clock: ManualClock) -> None:
    store.workers.block("w1", BlockKind.SET_ASIDE, reason="failed three", by="manager")
    store.workers.block("w1", BlockKind.DRAIN, reason="hot", by="anna")
    store.workers.block("w1", BlockKind.DRAIN, reason="on fire", by="bert")
    now = clock.now()
    assert store.workers.blocks() == [
        BlockRecord("w1", BlockKind.DRAIN, "on fire", "bert", now),
        BlockRecord("w1", BlockKind.SET_ASIDE, "failed three", "manager", now),
    ]
    assert store.workers.unblock("w1", by="anna")
    assert store.workers.blocks() == []
    assert not store.workers.unblock("w1", by="anna")
    kinds = [(event.kind, event.actor, event.detail) for event in store.events.page()]
    assert kinds[-2:] == [("drain", "bert", "w1: on fire"), ("unblock", "anna", "w1")]
