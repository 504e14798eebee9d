"""The facts of a job are what its rows say, evenly sampled and held in little memory."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.cluster.reporting.statistics import (
    KINDS_OF_REMARKS,
    SHOWN_PICTURES,
    SHOWN_SLOWEST,
    JobFacts,
    gather,
    spread,
)
from giornata.jobs.errors import UnknownJob
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out, new_job, settle, take_claims, task_for
from tests.support.fakes import ManualClock, done, ended


def facts_of(store: JobStore, clock: ManualClock, job_id: str) -> JobFacts:
    return gather(store, job_id, now=clock.now())


def by_name(claim: Claim) -> Outcome:
    """`bad…` is quarantined, `shy…` fails once, the number in a name is the seconds it takes."""
    name = Path(claim.task.source).stem
    if name.startswith("bad"):
        return ended(claim, OutcomeClass.BAD_INPUT, worker="w2")
    if name.startswith("shy") and claim.attempt == 1:
        return ended(claim, OutcomeClass.TRANSIENT_IO, "the disk was away")
    digits = "".join(filter(str.isdigit, name))
    return done(claim).model_copy(update={"seconds": float(digits or 1)})


def run_all(store: JobStore, clock: ManualClock, job_id: str) -> None:
    while claims := take_claims(store, job_id):
        settle(store, claims, by_name, retries=2)
        clock.sleep(60)


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_a_spread_is_even_and_within(total: int, wanted: int) -> None:
    places = sorted(spread(total, wanted))
    assert len(places) == min(total, wanted)
    assert all(0 <= place < total for place in places)
    gaps = {after - before for before, after in pairwise(places)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


def test_pictures_are_sampled_over_the_whole_job(store: JobStore, clock: ManualClock, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, [f"{number:03}.png" for number in range(3 * SHOWN_PICTURES)])
    carry_out(store, job_id)
    names = [Path(item.source).name for item in facts_of(store, clock, job_id).sample]
    assert names == [f"{number:03}.png" for number in range(0, 3 * SHOWN_PICTURES, 3)]


def test_a_batch_that_found_everything_delivered_shows_what_it_found(
    store: JobStore, clock: ManualClock, tmp_path: Path
) -> None:
    skipped = NewItem(task_for(tmp_path, "a.png"), ItemState.SKIPPED, "already delivered")
    facts = facts_of(store, clock, new_job(store, tmp_path, [skipped]))
    assert [item.state for item in facts.sample] == [ItemState.SKIPPED]
    assert (facts.delivered, facts.wall_s, facts.images_per_s) == (0, None, None)


def test_styles_add_up(store: JobStore, clock: ManualClock, tmp_path: Path) -> None:
    items = [NewItem(task_for(tmp_path, name)) for name in ("4.png", "2.png", "bad.png")]
    job_id = new_job(store, tmp_path, [*items, NewItem(task_for(tmp_path, "6.png", style="adele"))])
    run_all(store, clock, job_id)
    adele, wave = facts_of(store, clock, job_id).styles
    assert (adele.label, adele.delivered, adele.lost, adele.mean_s) == ("adele", 1, 0, 6.0)
    assert (wave.label, wave.delivered, wave.lost, wave.mean_s) == ("wave", 2, 1, 3.0)
    assert wave.pixels == 2 * 20 * 10


def test_the_slowest_come_first(store: JobStore, clock: ManualClock, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, [f"{number}.png" for number in range(1, 30)])
    run_all(store, clock, job_id)
    slowest = [item.seconds for item in facts_of(store, clock, job_id).slowest]
    assert slowest == [float(seconds) for seconds in range(29, 29 - SHOWN_SLOWEST, -1)]


def test_retries_are_told_by_class_and_by_what_came_of_them(
    store: JobStore, clock: ManualClock, tmp_path: Path
) -> None:
    job_id = new_job(store, tmp_path, ["shy1.png", "shy2.png", "bad.png", "a.png"])
    run_all(store, clock, job_id)
    facts = facts_of(store, clock, job_id)
    (tally,) = facts.retries
    assert (tally.outcome_class, tally.attempts, tally.items, tally.saved) == ("transient_io", 2, 2, 2)
    assert tally.reason == "the disk was away"
    assert (facts.retried, facts.looked_into) == (2, 2)
    assert facts.failed_on == {"w1": 2, "w2": 1}
    assert [(cause.outcome_class, cause.count) for cause in facts.causes] == [("bad_input", 1)]


def test_remarks_are_told_by_kind_and_only_so_many_kinds(
    store: JobStore, clock: ManualClock, tmp_path: Path
) -> None:
    def remarked(claim: Claim) -> Outcome:
        number = int(Path(claim.task.source).stem)
        words = ("profile left out",) if number < 3 else (f"remark {number}",)
        return done(claim).model_copy(update={"warnings": words})

    job_id = new_job(store, tmp_path, [f"{number:02}.png" for number in range(60)])
    carry_out(store, job_id, remarked)
    remarks = facts_of(store, clock, job_id).remarks
    assert len(remarks) == KINDS_OF_REMARKS
    assert (remarks[0].words, remarks[0].items, Path(remarks[0].source).name) == (
        "profile left out",
        3,
        "00.png",
    )


def test_rates_are_over_the_time_from_start_to_end(
    store: JobStore, clock: ManualClock, tmp_path: Path
) -> None:
    job_id = new_job(store, tmp_path, ["1.png", "2.png", "3.png"])
    claims = take_claims(store, job_id)
    clock.sleep(12)
    assert facts_of(store, clock, job_id).wall_s == 12
    settle(store, claims, by_name)
    carry_out(store, job_id)
    clock.sleep(1_000)
    facts = facts_of(store, clock, job_id)
    assert (facts.wall_s, facts.images_per_s, facts.busy_workers) == (12, 0.25, 0.5)
    assert facts.megapixels_per_s == pytest.approx(3 * 200 / 1e6 / 12)


def test_a_job_without_items_has_facts(store: JobStore, clock: ManualClock, tmp_path: Path) -> None:
    facts = facts_of(store, clock, new_job(store, tmp_path, []))
    assert (facts.sample, facts.slowest, facts.styles, facts.causes) == ((), (), (), ())


def test_an_unknown_job_is_refused(store: JobStore, clock: ManualClock) -> None:
    with pytest.raises(UnknownJob):
        facts_of(store, clock, "none")
