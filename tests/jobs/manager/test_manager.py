"""One job on one manager: what becomes of its items, and what holds it up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.reports.output_manifest import summarise
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import done, ended
from tests.support.manager_harness import Bench, failing

Pictures = Callable[..., Path]
SpecOf = Callable[..., JobSpec]


def test_a_batch_is_rendered_and_every_output_recorded(bench: Bench, spec_of: SpecOf) -> None:
    spec = spec_of(styles=["wave", "night"])
    assert bench.run(spec) is JobState.COMPLETED
    assert bench.counts(spec) == {"done": 18}
    bench.audit(spec)
    assert bench.recorder.snapshots[-1].state is JobState.COMPLETED
    assert len(bench.recorder.decisions) == 18


def test_an_empty_window_never_overflows(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of())
    assert max(snapshot.counts[ItemState.LEASED] for snapshot in bench.recorder.snapshots) <= 4


def test_a_listener_hears_of_a_job_while_its_pictures_take_long(bench: Bench, spec_of: SpecOf) -> None:
    began = bench.clock.now()
    assert bench.run(spec_of(), lambda claim: done(claim) if bench.clock.now() > began + 60 else None)
    silent = [one for one in bench.recorder.snapshots if one.settled == 0]
    assert 20 < len(silent) < 40  # once in two seconds, not in every round


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (OutcomeClass.BAD_INPUT, "quarantined"),
        (OutcomeClass.WORKER_LOST, "quarantined"),
        (OutcomeClass.TRANSIENT_IO, "failed"),
        (OutcomeClass.TIMEOUT, "failed"),
        (OutcomeClass.OOM_DEVICE, "failed"),
        (OutcomeClass.BUG, "failed"),
    ],
)
def test_one_bad_picture_never_stops_a_batch_and_never_vanishes(
    bench: Bench, spec_of: SpecOf, kind: OutcomeClass, state: str
) -> None:
    assert bench.run(spec_of(), failing("3", kind)) is JobState.COMPLETED_WITH_FAILURES
    assert bench.counts(spec_of()) == {"done": 8, state: 1}
    bench.audit(spec_of())
    job_id = bench.store.jobs.ids()[0]
    (cause,) = summarise(bench.store, job_id).causes
    assert (cause.outcome_class, cause.count) == (kind, 1)
    assert "it went wrong" in cause.samples[0].reason


@pytest.mark.parametrize("kind", [kind for kind in OutcomeClass if kind is not OutcomeClass.DONE])
def test_what_went_wrong_once_is_tried_again_when_that_may_help(
    bench: Bench, spec_of: SpecOf, kind: OutcomeClass
) -> None:
    helpless = kind in (OutcomeClass.BAD_INPUT, OutcomeClass.TARGET_TAKEN, OutcomeClass.QUALITY)
    expected = JobState.COMPLETED_WITH_FAILURES if helpless else JobState.COMPLETED
    assert bench.run(spec_of(), failing("3", kind, times=1)) is expected
    bench.audit(spec_of())


def test_a_retry_avoids_the_worker_and_shrinks_the_tile(bench: Bench, spec_of: SpecOf) -> None:
    bench.run(spec_of(render={"tile": 512}), failing("3", OutcomeClass.OOM_DEVICE, times=1))
    again = [claim for claim in bench.runner.submitted if claim.attempt == 2]
    assert [(claim.avoid_worker, claim.task.tile_px) for claim in again] == [("w1", 256)]


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


def test_outputs_that_fall_on_each_other_are_not_lost_silently(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    pictures("sub/1.jpg")
    with pytest.raises(PlanRefused, match=r"falls on .*1\.jpg in style wave"):
        bench.run(spec_of(template="{stem}_{style}{ext}"))


def test_a_batch_whose_first_items_fail_alike_pauses_once(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        return ended(claim, OutcomeClass.BAD_INPUT)

    spec = spec_of(policy={"canary": 4})
    assert bench.run(spec, behave) is JobState.PAUSED
    job_id = bench.store.jobs.ids()[0]
    assert "4 of the first 4 items failed alike (bad_input)" in bench.store.jobs.get(job_id).reason
    # Whoever runs it again has seen that.
    assert bench.run(spec, behave) is JobState.COMPLETED_WITH_FAILURES


def test_a_job_that_starts_at_once_keeps_problems_to_their_items(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    pictures("sub/1.jpg")
    spec = spec_of(template="{stem}_{style}{ext}", policy={"start": "at_once"})
    assert bench.run(spec) is JobState.COMPLETED_WITH_FAILURES
    assert bench.counts(spec) == {"done": 9, "failed": 1}
