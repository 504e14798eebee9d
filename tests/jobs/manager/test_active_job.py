from collections import Counter
from collections.abc import Callable

from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import done
from tests.support.manager_harness import Bench

SpecOf = Callable[..., JobSpec]


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
