"""What a report leaves in the rows of its item, beyond what the store's own tests see."""

from pathlib import Path

from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.store import JobStore
from tests.support.batches import new_job, settle, take_claims
from tests.support.fakes import ManualClock, done, ended


def test_waiting_leaves_no_row_and_comes_back_later(
    either_store: JobStore, clock: ManualClock, tmp_path: Path
) -> None:
    job_id = new_job(either_store, tmp_path, ["a.png"])
    claims = take_claims(either_store, job_id)
    settle(either_store, claims, lambda claim: ended(claim, OutcomeClass.WAITING, "still made"))
    (item,) = either_store.items.all(job_id)
    assert (item.state, item.failures, item.not_before > clock.now()) == (ItemState.QUEUED, 0, True)
    assert either_store.items.attempts(job_id, item.item_id) == []
    assert take_claims(either_store, job_id) == []
    clock.sleep(60)
    assert len(take_claims(either_store, job_id)) == 1


def test_what_was_asked_for_gives_way_to_what_was_measured(either_store: JobStore, tmp_path: Path) -> None:
    job_id = new_job(either_store, tmp_path, ["a.png", "b.png"])
    claims = take_claims(either_store, job_id)
    asked = [item.facts for item in either_store.items.all(job_id)]
    assert asked == [{"format": "png", "strength": 1.0}] * 2
    told = {"format": "png", "strength": 0.4, "ssim": 0.71, "profile": "eciRGB v2 ü"}
    settle(either_store, claims[:1], lambda claim: done(claim).model_copy(update={"facts": told}))
    settle(either_store, claims[1:], lambda claim: ended(claim, OutcomeClass.QUALITY, "a seam shows"))
    first, second = either_store.items.all(job_id)
    assert (first.facts, second.facts) == (told, asked[1])
    assert (second.state, second.reason) == (ItemState.QUARANTINED, "a seam shows")
