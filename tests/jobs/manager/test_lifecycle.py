from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.states import JobEvent, JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import done, ended
from tests.support.manager_harness import Bench

SpecOf = Callable[..., JobSpec]


def test_a_stop_lets_running_items_end_and_the_next_run_goes_on(bench: Bench, spec_of: SpecOf) -> None:
    assert bench.run(spec_of(), stop_after=5) is JobState.QUEUED
    first = bench.counts(spec_of())
    assert first["done"] >= 4
    assert "leased" not in first
    bench.audit(spec_of())
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9 - first["done"]
    bench.audit(spec_of())


def test_a_stop_drops_what_does_not_end_in_time(bench: Bench, spec_of: SpecOf) -> None:
    assert bench.run(spec_of(), lambda claim: None, stop_after=4) is JobState.QUEUED
    assert len(bench.runner.dropped) == 4
    assert bench.counts(spec_of()) == {"queued": 9}
    assert bench.run(spec_of()) is JobState.COMPLETED


@pytest.mark.parametrize(
    ("allowed", "state"), [(2, JobState.FAILED), ("50%", JobState.COMPLETED_WITH_FAILURES)]
)
def test_max_failed_is_the_brake(bench: Bench, spec_of: SpecOf, allowed: int | str, state: JobState) -> None:
    def behave(claim: Claim) -> Outcome | None:
        return ended(claim, OutcomeClass.BAD_INPUT) if Path(claim.task.source).stem < "4" else done(claim)

    spec = spec_of(policy={"max_failed": allowed})
    assert bench.run(spec, behave) is state
    if state is JobState.FAILED:
        assert "items failed, max_failed allows 2" in bench.store.jobs.get(bench.store.jobs.ids()[0]).reason
        assert "leased" not in bench.counts(spec)
        # The picture is mended and the same command given again.
        assert bench.run(spec) is JobState.COMPLETED


def test_pausing_lets_running_items_end_and_resuming_goes_on(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("2.jpg"):
            bench.store.jobs.move(claim.job_id, JobEvent.PAUSE)
        return done(claim)

    assert bench.run(spec_of(), behave) is JobState.PAUSED
    assert "leased" not in bench.counts(spec_of())
    job_id = bench.store.jobs.ids()[0]
    bench.store.jobs.move(job_id, JobEvent.RESUME)
    assert bench.manager().run_until_done(job_id) is JobState.COMPLETED


def test_cancelling_ends_the_job_and_keeps_what_is_done(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("2.jpg"):
            bench.store.jobs.move(claim.job_id, JobEvent.CANCEL)
        return done(claim)

    assert bench.run(spec_of(), behave) is JobState.CANCELLED
    counts = bench.counts(spec_of())
    assert set(counts) == {"done", "cancelled"}
    bench.audit(spec_of())


def test_a_batch_whose_first_items_fail_alike_pauses_once(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        return ended(claim, OutcomeClass.BAD_INPUT)

    spec = spec_of(policy={"canary": 4})
    assert bench.run(spec, behave) is JobState.PAUSED
    job_id = bench.store.jobs.ids()[0]
    assert "4 of the first 4 items failed alike (bad_input)" in bench.store.jobs.get(job_id).reason
    # Whoever runs it again has seen that.
    assert bench.run(spec, behave) is JobState.COMPLETED_WITH_FAILURES
