"""One job on one manager: what becomes of its items, and what holds it up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import PlanRefused
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.reports.output_manifest import summarise
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import done
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


def test_outputs_that_fall_on_each_other_are_not_lost_silently(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    pictures("sub/1.jpg")
    with pytest.raises(PlanRefused, match=r"falls on .*1\.jpg in style wave"):
        bench.run(spec_of(template="{stem}_{style}{ext}"))


def test_a_job_that_starts_at_once_keeps_problems_to_their_items(
    bench: Bench, spec_of: SpecOf, pictures: Pictures
) -> None:
    pictures("sub/1.jpg")
    spec = spec_of(template="{stem}_{style}{ext}", policy={"start": "at_once"})
    assert bench.run(spec) is JobState.COMPLETED_WITH_FAILURES
    assert bench.counts(spec) == {"done": 9, "failed": 1}
