"""A manager that dies, is replaced, or hears nothing: nothing is lost, and nothing is made twice."""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from giornata.jobs.errors import StoreUnavailable, Superseded
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass, Published
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


def test_a_manager_that_dies_while_listing_is_followed_by_one_that_lists_again(
    bench: Bench, spec_of: SpecOf
) -> None:
    job_id = bench.store.jobs.create(spec_of(), base=bench.base)
    assert bench.store.jobs.snapshot(job_id).state is JobState.LISTING
    assert bench.run(spec_of()) is JobState.COMPLETED
    assert bench.counts(spec_of()) == {"done": 9}


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


def test_a_manager_that_is_no_longer_the_active_one_leaves_at_once(bench: Bench, spec_of: SpecOf) -> None:
    manager = bench.manager(lambda claim: None)
    job_id = manager.accept(spec_of(), base=bench.base)
    manager.serve(lambda: False, only_if=lambda: not bench.runner.submitted)
    assert bench.runner.cancelled == 1
    # Another manager finds the job as it was left, and does it all.
    other = bench.manager()
    other.serve(lambda: bench.store.jobs.snapshot(job_id).state.is_terminal)
    assert bench.store.jobs.snapshot(job_id).state is JobState.COMPLETED


def test_an_overdue_report_is_a_timeout_and_counts_for_nothing_when_it_comes(
    bench: Bench, spec_of: SpecOf
) -> None:
    started_s = bench.clock.now()

    def behave(claim: Claim) -> Outcome | None:
        slow = claim.task.source.endswith("5.jpg") and claim.attempt == 1
        return None if slow and bench.clock.now() < started_s + 81 else done(claim)

    # The lease is twice the timeout and a minute: 80 s from the first second on.
    spec = spec_of(policy={"timeout_s": 10})
    assert bench.run(spec, behave) is JobState.COMPLETED
    ends = [outcome.outcome_class for _, outcome, _ in bench.recorder.decisions]
    assert Counter(ends) == {OutcomeClass.DONE: 9, OutcomeClass.TIMEOUT: 1}
    assert bench.store.jobs.snapshot(bench.store.jobs.ids()[0]).stale_reports == 1
    bench.audit(spec)


def test_a_claim_without_progress_is_given_up_and_tried_again(bench: Bench, spec_of: SpecOf) -> None:
    def behave(claim: Claim) -> Outcome | None:
        if claim.task.source.endswith("7.jpg") and claim.attempt == 1:
            bench.runner.quiet_s[claim.key] = 601.0
            return None
        return done(claim)

    assert bench.run(spec_of(), behave) is JobState.COMPLETED
    (timeout,) = (outcome for _, outcome, _ in bench.recorder.decisions if outcome.outcome_class != "done")
    assert timeout.outcome_class is OutcomeClass.TIMEOUT
    assert timeout.reason == "no progress for 601 s, where half of the items take 0.5 s"


def test_a_disk_that_fails_for_a_moment_costs_one_attempt(bench: Bench, spec_of: SpecOf) -> None:
    class Hiccup(FolderPublisher):
        left = 1

        def publish(self, claim: Claim, outcome: Outcome) -> Published:
            if self.left:
                self.left -= 1
                raise OSError(5, os.strerror(5))
            return super().publish(claim, outcome)

    bench.publisher = Hiccup()
    assert bench.run(spec_of()) is JobState.COMPLETED
    retried = [outcome for _, outcome, _ in bench.recorder.decisions if outcome.outcome_class != "done"]
    assert [outcome.reason for outcome in retried] == ["[Errno 5] Input/output error"]
    bench.audit(spec_of())


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
