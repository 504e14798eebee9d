"""A manager that dies, is replaced, or hears nothing: nothing is lost, and nothing is made twice."""

from collections.abc import Callable

from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.manager_harness import Bench

SpecOf = Callable[..., JobSpec]


def test_a_manager_that_dies_while_listing_is_followed_by_one_that_lists_again(
    bench: Bench, spec_of: SpecOf
) -> None:
    job_id = bench.store.jobs.create(spec_of(), base=bench.base)
    assert bench.store.jobs.snapshot(job_id).state is JobState.LISTING
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert bench.counts(spec_of()) == {"done": 9}


def test_a_manager_that_is_no_longer_the_active_one_leaves_at_once(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager(lambda claim: None)
    job_id = manager.accept(spec_of(), base=bench.base)
    manager.serve(lambda: False, only_if=lambda: not bench.runner.submitted)
    assert bench.runner.cancelled == 1
    # Another manager finds the job as it was left, and does it all.
    other = bench.manager()
    other.serve(lambda: bench.store.jobs.snapshot(job_id).state.is_terminal)
    assert bench.store.jobs.snapshot(job_id).state is JobState.COMPLETED


def test_a_database_that_is_away_for_a_while_costs_nothing(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager()
    job_id = manager.submit(spec_of(), base=bench.base).job_id
    away = 5
    prepare = bench.store.leases.prepare

    def hesitate(*args: object) -> object:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StoreUnavailable("the store", "locked", True)
        return prepare(*args)  # type: ignore[arg-type]

    bench.store.leases.prepare = hesitate  # type: ignore[method-assign,assignment]
    assert manager.run_until_done(job_id) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9
    bench.audit(spec_of())
