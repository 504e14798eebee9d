"""Work on a large picture stays while somebody wants it, and goes with its item."""

import json
import os
import time
from pathlib import Path

import pytest

from giornata.jobs.maintenance.gc import OWNER, PICTURES, WorkDirCleaner, find_leftovers, is_wanted, works_in
from giornata.jobs.manager.completion import CompletionHandler
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.retry import RetryPolicy
from giornata.jobs.model.states import ItemState, JobEvent
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out, new_job, take_claims
from tests.support.fakes import done, ended

ALIVE, DEAD = 4242, 4243


def work_on(scratch: Path, item_id: str, *, pid: int = DEAD, quiet_h: float = 0.0) -> Path:
    """What a process that was killed in the middle left of a picture."""
    folder = scratch / PICTURES / f"{item_id}-0123456789ab"
    folder.mkdir(parents=True)
    (folder / OWNER).write_text(json.dumps({"item_id": item_id, "pid": pid}))
    then = time.time() - 3600 * quiet_h
    for path in (folder / OWNER, folder):
        os.utime(path, (then, then))
    return folder


def leftovers(store: JobStore, scratch: Path) -> list[tuple[str, str]]:
    found = find_leftovers(store, scratch=scratch, alive=lambda pid: pid == ALIVE)
    return [(one.path, one.why) for one in found]


@pytest.mark.parametrize("behave", [done, lambda claim: ended(claim, OutcomeClass.BAD_INPUT)])
def test_work_goes_when_its_item_is_delivered_or_lost(
    store: JobStore, tmp_path: Path, behave: object
) -> None:
    job_id = new_job(store, tmp_path, ["a.png", "b.png"])
    first, second = take_claims(store, job_id)
    mine, other = (work_on(tmp_path, claim.task.item_id) for claim in (first, second))
    settler = CompletionHandler(store, LocalPublisher(), RetryPolicy(), WorkDirCleaner(store, tmp_path))
    settler.settle([(first, behave(first))])
    assert not mine.exists()
    assert other.exists()


def test_work_stays_through_a_retry(store: JobStore, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    (claim,) = take_claims(store, job_id)
    folder = work_on(tmp_path, claim.task.item_id)

    def lost(claim: Claim) -> Outcome:
        return ended(claim, OutcomeClass.WORKER_LOST)

    CompletionHandler(store, LocalPublisher(), RetryPolicy(), WorkDirCleaner(store, tmp_path)).settle(
        [(claim, lost(claim))]
    )
    assert store.items.get(job_id, claim.task.item_id).state is ItemState.QUEUED
    assert folder.exists()


def test_work_that_a_second_run_would_go_on_with_is_no_leftover(store: JobStore, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    (claim,) = take_claims(store, job_id)
    folder = work_on(tmp_path, claim.task.item_id, quiet_h=1000)
    assert is_wanted(store, claim.task.item_id)
    assert leftovers(store, tmp_path) == []
    carry_out(store, job_id)
    assert leftovers(store, tmp_path) == [
        (str(folder), f"process {DEAD} is gone, and its item has come to its end")
    ]


def test_work_of_a_cancelled_job_is_a_leftover_even_while_an_item_is_leased(
    store: JobStore, tmp_path: Path
) -> None:
    job_id = new_job(store, tmp_path, ["a.png"])
    (claim,) = take_claims(store, job_id)
    folder = work_on(tmp_path, claim.task.item_id)
    store.jobs.move(job_id, JobEvent.CANCEL)
    assert [path for path, _ in leftovers(store, tmp_path)] == [str(folder)]


def test_work_that_no_job_here_knows_is_left_for_an_hour_and_that_of_the_living_for_ever(
    store: JobStore, tmp_path: Path
) -> None:
    work_on(tmp_path, "fresh")
    old = work_on(tmp_path, "old", quiet_h=2)
    work_on(tmp_path, "living", pid=ALIVE, quiet_h=2)
    (tmp_path / PICTURES / "odd").mkdir()
    (tmp_path / PICTURES / "odd" / OWNER).write_text("not json")
    assert leftovers(store, tmp_path) == [
        (str(old), f"process {DEAD} is gone, and no job here knows its item")
    ]
    assert {work.item_id for work in works_in(tmp_path)} == {"fresh", "old", "living"}
