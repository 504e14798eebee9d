import pytest

from giornata.jobs.manager.worker_health import FailureTracker, WorkerMonitor
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.ports import WorkerSlot
from giornata.jobs.store.records import BlockKind
from giornata.jobs.store.store import JobStore
from tests.support.fakes import FakeRunner, ManualClock


@pytest.fixture
def runner(clock: ManualClock) -> FakeRunner:
    runner = FakeRunner(clock)
    runner.views = [WorkerSlot("render-0.0", "busy", pid=11), WorkerSlot("render-1.0", "idle", pid=12)]
    return runner


def rounds(supervisor: WorkerMonitor, clock: ManualClock, count: int = 2) -> None:
    for _ in range(count):
        clock.sleep(1.0)
        supervisor.look()


def test_the_store_knows_the_workers(store: JobStore, clock: ManualClock, runner: FakeRunner) -> None:
    supervisor = WorkerMonitor(store, runner, FailureTracker(), clock)
    rounds(supervisor, clock)
    assert {worker.worker: worker.pid for worker in store.workers.all()} == {
        "render-0.0": 11,
        "render-1.0": 12,
    }
    supervisor.leave()
    assert store.workers.all() == []


def test_a_worker_that_fails_three_items_is_set_aside_until_a_person_lets_it_back(
    store: JobStore, clock: ManualClock, runner: FakeRunner
) -> None:
    blame = FailureTracker()
    supervisor = WorkerMonitor(store, runner, blame, clock)
    for item in "abc":
        blame.note("job", item, "render-0.0", OutcomeClass.BUG)
    rounds(supervisor, clock)
    assert runner.aside == {"render-0"}
    (block,) = store.workers.blocks()
    assert (block.worker, block.kind) == ("render-0", BlockKind.SET_ASIDE)
    store.workers.unblock("render-0", by="ann")
    rounds(supervisor, clock)
    assert runner.aside == set()


def test_the_last_worker_is_never_set_aside(store: JobStore, clock: ManualClock, runner: FakeRunner) -> None:
    blame = FailureTracker()
    for place in ("render-0.0", "render-1.0"):
        for item in "abc":
            blame.note(place, item, place, OutcomeClass.BUG)
    rounds(WorkerMonitor(store, runner, blame, clock), clock, 5)
    assert len(runner.aside) == 1


def test_what_people_block_is_blocked(store: JobStore, clock: ManualClock, runner: FakeRunner) -> None:
    store.workers.block("render-1", BlockKind.BLOCK, reason="it smells", by="ann")
    rounds(WorkerMonitor(store, runner, FailureTracker(), clock), clock)
    assert runner.aside == {"render-1"}
