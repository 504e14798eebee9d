from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.ports import Both, JobSnapshot, Silent
from giornata.jobs.model.retry import Decision
from giornata.jobs.model.states import ItemState, JobState
from tests.support.fakes import Recorder, ended
from tests.support.job_rows import task

SNAPSHOT = JobSnapshot(
    job_id="a",
    name="autumn",
    state=JobState.RUNNING,
    counts={state: 10**place for place, state in enumerate(ItemState)},
    pixels_done=0,
    busy_s=0.0,
    stale_reports=0,
)


def test_a_snapshot_adds_up_its_counts() -> None:
    counts = SNAPSHOT.counts
    assert SNAPSHOT.total == sum(counts.values())
    assert SNAPSHOT.total - SNAPSHOT.settled == counts[ItemState.QUEUED] + counts[ItemState.LEASED]
    assert SNAPSHOT.lost == counts[ItemState.FAILED] + counts[ItemState.QUARANTINED]


def test_two_listeners_hear_the_same_in_order() -> None:
    first, second = Recorder(), Recorder()
    both = Both(first, Both(Silent(), second))
    claim = Claim(job_id="a", task=task("x"), attempt=1, epoch=0)
    report: Outcome = ended(claim, OutcomeClass.BUG)
    both.on_job(SNAPSHOT)
    both.on_outcome(claim, report, Decision(ItemState.FAILED, "broke"))
    for heard in (first, second):
        assert heard.snapshots == [SNAPSHOT]
        assert heard.decisions == [(claim, report, Decision(ItemState.FAILED, "broke"))]
