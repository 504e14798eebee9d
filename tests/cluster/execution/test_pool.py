"""The pool against a real Ray: deaths, hangs, pins and windows."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.cluster.errors import (
    CallTimedOut,
    NoFreeSlot,
    PoolClosed,
    UnknownWorker,
    WorkerLost,
    WorkersNeverStart,
)
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.worker import PROBE_TIMEOUT_S, Call, Result, WorkerState
from giornata.cluster.ray_runtime.actors import ActorFactory, OutcomeKind
from giornata.cluster.ray_runtime.runtime import Runtime

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("embedded_ray")]


class Spoiled(Exception):
    """An exception of the method's own, with an argument."""


class Hand:
    """Does what the tests ask of it."""

    def __init__(self, broken: bool = False) -> None:
        if broken:
            raise RuntimeError("the brush is missing")
        self.held: list[int] = []

    def add(self, left: int, right: int) -> int:
        return left + right

    def hold(self, number: int) -> list[int]:
        self.held.append(number)
        return self.held

    def variable(self, name: str) -> str | None:
        return os.environ.get(name)

    def rest(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def spoil(self) -> None:
        raise Spoiled("three", 3)

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self) -> None:
        time.sleep(0.3)  # the answer to a probe before this call must have left the process
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(3600)  # the main thread takes the signal, and this one might answer before it is stopped


def hands(prefix: str, **fields: object) -> ActorFactory:
    return ActorFactory(Hand, num_cpus=1, prefix=prefix, **fields)  # type: ignore[arg-type]


def collect_all(pool: Pool, count: int, *, within_s: float = 60) -> list[Result]:
    results: list[Result] = []
    until = time.monotonic() + within_s
    while len(results) < count and time.monotonic() < until:
        results += pool.collect(1.0)
    assert len(results) == count
    return results


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def pair_of_workers(embedded_ray: Runtime) -> Iterator[Pool]:
    with Pool(hands("pair"), 2, call_timeout_s=30) as pool:
        yield pool


@pytest.fixture(scope="module")
def one_worker(embedded_ray: Runtime) -> Iterator[Pool]:
    with Pool(hands("lone"), 1, call_timeout_s=30) as pool:
        yield pool


@pytest.fixture
def pair(pair_of_workers: Pool) -> Pool:
    """Two idle workers. Tests share the pool, and with it the proof that it outlives what they do to it."""
    assert pair_of_workers.in_flight() == 0
    assert pair_of_workers.warm_up(60) == 2
    return pair_of_workers


@pytest.fixture
def lone(one_worker: Pool) -> Pool:
    """One idle worker."""
    assert one_worker.in_flight() == 0
    assert one_worker.warm_up(60) == 1
    return one_worker


def test_a_call_comes_back_with_its_key_its_worker_and_its_value(lone: Pool) -> None:
    lone.submit(Call("sum", "add", (2, 3)))
    (result,) = collect_all(lone, 1)
    assert (result.key, result.kind, result.value) == ("sum", OutcomeKind.OK, 5)
    assert result.worker == lone.workers()[0].id


def test_a_worker_takes_two_calls_and_refuses_the_third(lone: Pool) -> None:
    assert lone.free_slots() == 2
    lone.submit(Call(1, "rest", (0.3,)))
    lone.submit(Call(2, "rest", (0.0,)))
    assert lone.free_slots() == 0
    with pytest.raises(NoFreeSlot, match="2 calls in flight"):
        lone.submit(Call(3, "add", (1, 1)))
    assert [result.key for result in collect_all(lone, 2)] == [1, 2]
    assert lone.free_slots() == 2


def test_a_starting_worker_offers_no_slots_and_collect_returns_once_it_has_started() -> None:
    with Pool(hands("early"), 1) as pool:
        assert pool.free_slots() == 0
        assert pool.workers()[0].state is WorkerState.STARTING
        assert pool.collect(60) == []
        assert pool.free_slots() == 2
        assert pool.workers()[0].pid is not None


def test_an_exception_of_the_method_arrives_with_its_class_and_arguments(lone: Pool) -> None:
    lone.submit(Call("bad", "spoil"))
    (result,) = collect_all(lone, 1)
    assert result.kind is OutcomeKind.FAILED
    assert type(result.error) is Spoiled
    assert result.error.args == ("three", 3)
    assert "spoil" in result.traceback
    assert not result.suspect
    assert lone.workers()[0].id == result.worker


def test_a_dead_worker_tells_of_both_calls_suspects_the_running_one_and_is_replaced(lone: Pool) -> None:
    before = lone.workers()[0].id
    lone.submit(Call("killer", "die"))
    lone.submit(Call("bystander", "add", (1, 1)))
    lost = collect_all(lone, 2)
    assert [(result.key, result.suspect) for result in lost] == [("killer", True), ("bystander", False)]
    assert {result.kind for result in lost} == {OutcomeKind.WORKER_LOST}
    assert all(isinstance(result.error, WorkerLost) for result in lost)
    assert all("\n" not in str(result.error) and "ActorDiedError" in str(result.error) for result in lost)
    assert lone.warm_up(60) == 1
    lone.submit(Call("again", "add", (1, 1)))
    (result,) = collect_all(lone, 1)
    assert result.value == 2
    assert result.worker != before
    assert result.worker.startswith("lone-0.")


def test_a_hung_worker_is_killed_at_the_deadline_and_replaced(lone: Pool) -> None:
    before = time.monotonic()
    lone.submit(Call("hung", "hang", timeout_s=1.0))
    lone.submit(Call("behind", "add", (1, 1)))
    hung, behind = collect_all(lone, 2)
    assert 1.0 <= time.monotonic() - before < PROBE_TIMEOUT_S / 2
    assert (hung.kind, hung.suspect) == (OutcomeKind.TIMEOUT, True)
    assert isinstance(hung.error, CallTimedOut)
    assert (behind.kind, behind.suspect) == (OutcomeKind.WORKER_LOST, False)
    assert lone.warm_up(60) == 1
    lone.submit(Call("again", "add", (1, 1)))
    assert collect_all(lone, 1)[0].value == 2


def test_the_deadline_of_a_call_does_not_count_the_call_before_it() -> None:
    with Pool(hands("queue"), 1, call_timeout_s=1.5) as pool:
        pool.warm_up(60)
        pool.submit(Call(1, "rest", (1.0,)))
        pool.submit(Call(2, "rest", (1.0,)))
        assert {result.kind for result in collect_all(pool, 2)} == {OutcomeKind.OK}


def test_a_call_that_meets_a_worker_dead_while_idle_is_not_suspected(lone: Pool) -> None:
    pid = lone.workers()[0].pid
    assert pid is not None
    time.sleep(1.1)
    os.kill(pid, signal.SIGKILL)
    lone.submit(Call("innocent", "add", (1, 1)))
    (result,) = collect_all(lone, 1)
    assert (result.kind, result.suspect) == (OutcomeKind.WORKER_LOST, False)


def test_pinned_calls_meet_what_their_worker_holds(pair: Pool) -> None:
    first, second = (status.id for status in pair.workers())
    pair.submit(Call("a", "hold", (1,)), worker=first)
    pair.submit(Call("b", "hold", (2,)), worker=second)
    collect_all(pair, 2)
    pair.submit(Call("c", "hold", (3,)), worker=first)
    (result,) = collect_all(pair, 1)
    assert (result.worker, result.value) == (first, [1, 3])


def test_a_call_pinned_to_a_replaced_worker_is_refused(pair: Pool) -> None:
    gone = pair.workers()[0].id
    pair.submit(Call("killer", "die"), worker=gone)
    collect_all(pair, 1)
    with pytest.raises(UnknownWorker, match=gone):
        pair.submit(Call("late", "add", (1, 1)), worker=gone)


def test_an_avoided_worker_is_left_out_even_when_it_is_the_only_free_one(pair: Pool) -> None:
    first, second = (status.id for status in pair.workers())
    for key in range(2):
        pair.submit(Call(key, "rest", (0.5,)), avoid_worker=first)
    assert pair.free_slots() == 2
    assert pair.free_slots(avoid_worker=first) == 0
    with pytest.raises(NoFreeSlot, match=f"but {first}"):
        pair.submit(Call("third", "rest", (0.1,)), avoid_worker=first)
    assert {result.worker for result in collect_all(pair, 2)} == {second}


def test_the_last_worker_cannot_be_avoided(lone: Pool) -> None:
    lone.submit(Call("only", "add", (1, 1)), avoid_worker=lone.workers()[0].id)
    assert collect_all(lone, 1)[0].value == 2


def test_a_worker_replaced_on_request_gives_its_calls_back_unsuspected(pair: Pool) -> None:
    first = pair.workers()[0].id
    pair.submit(Call("given back", "rest", (5.0,)), worker=first)
    (result,) = pair.replace_worker(first, reason="three items failed on it")
    assert (result.kind, result.suspect) == (OutcomeKind.WORKER_LOST, False)
    assert "three items" in str(result.error)
    assert pair.warm_up(60) == 2


def test_workers_that_cannot_start_end_in_an_error_that_names_the_cause() -> None:
    with Pool(hands("broken", args=(True,)), 1) as pool:
        with pytest.raises(WorkersNeverStart, match="the brush is missing"):
            pool.warm_up(60)
        with pytest.raises(WorkersNeverStart):
            pool.collect(1.0)


def test_a_factory_gives_its_workers_their_environment() -> None:
    with Pool(hands("painted", environment={"BRUSH": "wide"}), 1) as pool:
        pool.warm_up(60)
        pool.submit(Call("own", "variable", ("BRUSH",)))
        pool.submit(Call("threads", "variable", ("OMP_NUM_THREADS",)))
        assert [result.value for result in collect_all(pool, 2)] == ["wide", "1"]


def test_closing_returns_the_keys_in_flight_and_takes_no_more() -> None:
    pool = Pool(hands("closing"), 1)
    pool.warm_up(60)
    pool.submit(Call("half done", "rest", (5.0,)))
    assert pool.close() == ["half done"]
    assert pool.workers() == []
    with pytest.raises(PoolClosed, match="late"):
        pool.submit(Call("late", "add", (1, 1)))


def test_driver_memory_stays_flat_over_many_calls(pair: Pool) -> None:
    def run(count: int) -> None:
        sent = taken = 0
        while taken < count:
            while sent < count and pair.free_slots():
                pair.submit(Call(sent, "add", (sent, 1)))
                sent += 1
            taken += len(pair.collect(1.0))

    run(1000)
    before = resident_bytes()
    run(5000)
    assert resident_bytes() - before < 8 * 1024**2


def test_under_random_kills_every_call_ends_and_only_lost_ones_are_repeated(pair: Pool) -> None:
    dice = random.Random(7)
    todo, done = list(range(300)), {}
    kills, next_kill = 0, time.monotonic() + 0.5
    until = time.monotonic() + 90
    while len(done) < 300 and time.monotonic() < until:
        while todo and pair.free_slots():
            number = todo.pop()
            pair.submit(Call(number, "rest", (0.02,)))
        if time.monotonic() >= next_kill and kills < 6:
            pids = [status.pid for status in pair.workers() if status.pid]
            if pids:
                os.kill(dice.choice(pids), signal.SIGKILL)
                kills += 1
            next_kill = time.monotonic() + 0.5
        for result in pair.collect(0.1):
            if result.kind is OutcomeKind.OK:
                assert result.key not in done
                done[result.key] = result.value
            else:
                assert result.kind is OutcomeKind.WORKER_LOST
                todo.append(result.key)
    assert len(done) == 300
    assert kills >= 3
    assert pair.in_flight() == 0
