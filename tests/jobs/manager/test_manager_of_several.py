"""Several jobs on one manager."""

from collections.abc import Callable
from itertools import count

from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.manager_harness import Bench

MOST_TURNS = 500
SpecOf = Callable[..., JobSpec]


def test_one_manager_serves_several_jobs_by_priority(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    low = manager.accept(spec_of(name="low", destination="low"), base=bench.base, priority=10)
    high = manager.accept(spec_of(name="high", destination="high"), base=bench.base, priority=90)
    manager.serve(lambda: all(bench.store.jobs.snapshot(one).state.is_terminal for one in (low, high)))
    assert {bench.store.jobs.snapshot(one).state for one in (low, high)} == {JobState.COMPLETED}
    order = [claim.job_id for claim in bench.runner.submitted]
    assert len(order) == 18
    # Both were listed before either began, or the high one overtook: its last comes before the low one's.
    assert order.index(high) < 9
    assert order[-1] == low


def test_max_workers_limits_what_a_job_has_in_flight(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    job_id = manager.accept(spec_of(), base=bench.base, max_workers=1)
    manager.serve(lambda: bench.store.jobs.snapshot(job_id).state.is_terminal)
    leased = [snapshot.counts[ItemState.LEASED] for snapshot in bench.recorder.snapshots]
    assert max(leased) <= 1
    assert bench.store.jobs.snapshot(job_id).state is JobState.COMPLETED


def test_the_same_token_is_the_same_job(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    same = {"client_token": "2026-11-21"}
    first = manager.accept(spec_of(), base=bench.base, **same)
    assert manager.accept(spec_of(), base=bench.base, **same) == first


def test_two_jobs_never_make_one_file_at_the_same_time(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    jobs = [
        manager.accept(spec_of(name=name, policy={"on_existing": "replace"}), base=bench.base)
        for name in ("one", "two")
    ]
    manager.serve(lambda: all(bench.store.jobs.snapshot(one).state.is_terminal for one in jobs))
    assert {bench.store.jobs.snapshot(one).state for one in jobs} == {JobState.COMPLETED}
    assert not list((bench.base / "out").glob(".giornata-*"))


def test_a_cancelled_job_ends_while_others_go_on(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    gone = manager.accept(spec_of(name="gone", destination="gone"), base=bench.base)
    kept = manager.accept(spec_of(name="kept", destination="kept"), base=bench.base)
    cancelled = False

    def stop() -> bool:
        nonlocal cancelled
        if not cancelled and bench.store.jobs.snapshot(gone).counts[ItemState.DONE]:
            cancelled = bool(bench.store.jobs.move(gone, JobEvent.CANCEL))
        return all(bench.store.jobs.snapshot(one).state.is_terminal for one in (gone, kept))

    manager.serve(stop)
    assert bench.store.jobs.snapshot(gone).state is JobState.CANCELLED
    assert bench.store.jobs.snapshot(kept).state is JobState.COMPLETED
    assert not list(bench.base.rglob(".giornata-*"))


def test_a_report_belongs_to_the_job_whose_claim_it_ends(bench: Bench, spec_of: SpecOf) -> None:
    """Same outputs, so the same items: the report of one job's attempt must never end the other's."""
    manager = bench.manager()
    jobs: list[str] = []
    turns = count()

    def accept(name: str, priority: int) -> None:
        spec = spec_of(name=name, policy={"on_existing": "replace"})
        jobs.append(manager.accept(spec, base=bench.base, priority=priority))

    def is_over() -> bool:
        if len(jobs) == 1 and bench.store.jobs.snapshot(jobs[0]).state is JobState.RUNNING:
            accept("high", 90)
        if len(jobs) == 2 and bench.store.jobs.snapshot(jobs[1]).state is JobState.RUNNING:
            bench.runner.widen(20)  # room for all of both jobs
        if next(turns) > MOST_TURNS:
            return True  # a report that went astray is waited for until its lease is over
        return len(jobs) == 2 and all(bench.store.jobs.snapshot(one).state.is_terminal for one in jobs)

    bench.runner.widen(0)
    accept("low", 10)
    manager.serve(is_over)
    low, high = jobs
    for job_id in (low, high):
        snapshot = bench.store.jobs.snapshot(job_id)
        assert snapshot.state is JobState.COMPLETED
        assert snapshot.stale_reports == 0
        assert {item.attempt for item in bench.store.items.all(job_id)} == {1}
    assert len(bench.runner.submitted) == 18
    assert len(bench.recorder.decisions) == 18
    assert all(claim.key == outcome.key for claim, outcome, _ in bench.recorder.decisions)
    assert not list((bench.base / "out").glob(".giornata-*"))
