import pytest

from giornata.jobs.model.attempt import Outcome, OutcomeClass
from giornata.jobs.model.retry import History, RetryPolicy
from giornata.jobs.model.states import ItemState

POLICY = RetryPolicy(retries=2)
C, S = OutcomeClass, ItemState


def outcome(
    kind: OutcomeClass, *, item_id: str = "a", attempt: int = 1, tile_px: int | None = None
) -> Outcome:
    file = {"sha256": "0" * 64, "bytes": 1} if kind is C.DONE else {}
    return Outcome(
        job_id="j",
        item_id=item_id,
        attempt=attempt,
        outcome_class=kind,
        reason="it was so",
        tile_px=tile_px,
        **file,
    )


@pytest.mark.parametrize(
    ("kind", "history", "state", "counted", "waits"),
    [
        (C.DONE, History(), S.DONE, False, False),
        (C.DONE, History(failures=9, lost_workers=9), S.DONE, False, False),
        (C.DONE, History(cancelling=True), S.DONE, False, False),
        (C.TRANSIENT_IO, History(), S.QUEUED, True, True),
        (C.TRANSIENT_IO, History(failures=1), S.QUEUED, True, True),
        (C.TRANSIENT_IO, History(failures=2), S.FAILED, True, False),
        (C.TIMEOUT, History(failures=1), S.QUEUED, True, True),
        (C.TIMEOUT, History(failures=2), S.FAILED, True, False),
        (C.BUG, History(), S.QUEUED, True, True),
        (C.BUG, History(failures=1), S.FAILED, True, False),
        (C.WORKER_LOST, History(), S.QUEUED, False, False),
        (C.WORKER_LOST, History(failures=2), S.QUEUED, False, False),
        (C.WORKER_LOST, History(lost_workers=1), S.QUARANTINED, False, False),
        (C.OOM_DEVICE, History(), S.QUEUED, False, False),
        (C.OOM_DEVICE, History(tile_px=64), S.FAILED, True, False),
        (C.BAD_INPUT, History(), S.QUARANTINED, False, False),
        (C.TARGET_TAKEN, History(), S.FAILED, True, False),
        (C.THROTTLED, History(failures=2), S.QUEUED, False, False),
        (C.CREDENTIALS, History(failures=2), S.QUEUED, False, False),
        (C.CANCELLED, History(failures=2, lost_workers=1), S.QUEUED, False, False),
        *((kind, History(cancelling=True), S.CANCELLED, False, False) for kind in C if kind is not C.DONE),
    ],
)
def test_the_class_and_the_past_decide(
    kind: OutcomeClass, history: History, state: ItemState, counted: bool, waits: bool
) -> None:
    decision = POLICY.decide(outcome(kind), history)
    assert (decision.state, decision.counted, decision.delay_s > 0) == (state, counted, waits)
    assert decision.reason


@pytest.mark.parametrize("kind", list(C))
def test_every_class_has_an_answer(kind: OutcomeClass) -> None:
    assert POLICY.decide(outcome(kind), History()).state in S


@pytest.mark.parametrize("kind", [C.THROTTLED, C.CREDENTIALS])
def test_a_closed_door_holds_the_whole_job(kind: OutcomeClass) -> None:
    assert POLICY.decide(outcome(kind), History()).hold_job_s > 0


def test_tiles_get_smaller_until_they_cannot() -> None:
    used, seen = 1000, []
    while (decision := POLICY.decide(outcome(C.OOM_DEVICE, tile_px=used), History())).smaller_tile:
        used = decision.tile_px or 0
        seen.append(used)
    assert seen == [496, 240, 112, 64]
    assert "smallest tile, 64 px" in decision.reason


def test_delays_double_and_differ_between_items() -> None:
    def delay(failures: int, item_id: str = "a") -> float:
        report = outcome(C.TRANSIENT_IO, item_id=item_id)
        return RetryPolicy(retries=50).decide(report, History(failures=failures)).delay_s

    assert delay(0) == delay(0)
    assert delay(1) == pytest.approx(2 * delay(0))
    assert delay(40) <= POLICY.longest_delay_s
    assert len({delay(0, item_id) for item_id in "abcdefgh"}) == 8
    assert all(1 <= delay(0, item_id) <= 2 for item_id in "abcdefgh")


def test_no_retries_means_the_first_failure_counts() -> None:
    policy = POLICY.with_retries(0)
    assert policy.decide(outcome(C.BUG), History()).state is S.FAILED
    assert policy.decide(outcome(C.TIMEOUT), History()).state is S.FAILED


def test_what_is_not_good_enough_is_never_tried_again() -> None:
    found = POLICY.decide(outcome(OutcomeClass.QUALITY), History())
    assert (found.state, found.counted, found.lost_worker) == (ItemState.QUARANTINED, False, False)


def test_waiting_costs_an_item_a_moment_and_no_try() -> None:
    found = POLICY.decide(outcome(OutcomeClass.WAITING), History(failures=2))
    assert (found.state, found.counted) == (ItemState.QUEUED, False)
    assert found.delay_s > 0
