from collections.abc import Callable

import pytest

from giornata.jobs.errors import Superseded
from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import FolderPublisher, done
from tests.support.manager_harness import Bench

SpecOf = Callable[..., JobSpec]


class Killed(Exception):
    """The manager's process dies here."""


class DyingPublisher(FolderPublisher):
    """Kills the manager at the `after`-th publication: before the file is moved, or just after."""

    def __init__(self, after: int, *, moved: bool) -> None:
        self._left, self._moved = after, moved

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        self._left -= 1
        if self._left == 0 and not self._moved:
            raise Killed
        published = super().publish(claim, outcome)
        if self._left == 0:
            raise Killed
        return published


@pytest.mark.parametrize("moved", [False, True], ids=["before the move", "after the move"])
@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_manager_that_dies_while_publishing_loses_and_doubles_nothing(
    bench: Bench, spec_of: SpecOf, after: int, moved: bool
) -> None:
    bench.publisher = DyingPublisher(after, moved=moved)
    with pytest.raises(Killed):
        bench.run(spec_of())
    published = len(list((bench.base / "out").glob("[0-9]*")))
    assert published == after - (not moved)
    bench.publisher = FolderPublisher()
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert len(bench.runner.submitted) == 9 - published
    bench.audit(spec_of())


def test_a_manager_that_dies_while_rendering_leaves_nothing_behind(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        outcome = done(claim)
        if claim.task.source.endswith("4.jpg"):
            raise Killed
        return outcome

    with pytest.raises(Killed):
        bench.run(spec_of(), behave)
    assert bench.run(spec_of()) is JobState.COMPLETED
    bench.audit(spec_of())


def test_a_second_manager_takes_over_and_the_first_one_stops(bench: Bench, spec_of: SpecOf) -> None:
    first = bench.manager()
    job_id = first.submit(spec_of(), base=bench.base).job_id

    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("5.jpg") and claim.epoch == 1:
            bench.store.leases.raise_epoch(job_id)
        return done(claim)

    first = bench.manager(behave)
    with pytest.raises(Superseded):
        first.run_until_done(job_id)
    assert bench.runner.cancelled == 1
    assert bench.manager().run_until_done(job_id) is JobState.COMPLETED
    assert bench.store.jobs.snapshot(job_id).stale_reports > 0
    bench.audit(spec_of())
