import os
from collections.abc import Callable

from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import FolderPublisher
from tests.support.manager_harness import Bench

SpecOf = Callable[..., JobSpec]


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
