from itertools import product

import pytest

from giornata.jobs.errors import IllegalTransition
from giornata.jobs.model.states import (
    ITEM_TRANSITIONS,
    JOB_TRANSITIONS,
    ItemEvent,
    ItemState,
    JobEvent,
    JobState,
    advance,
    origins,
)


@pytest.mark.parametrize(("state", "event"), list(product(ItemState, ItemEvent)), ids=str)
def test_an_item_moves_by_the_table_or_not_at_all(state: ItemState, event: ItemEvent) -> None:
    if (state, event) in ITEM_TRANSITIONS:
        assert advance(state, event) is ITEM_TRANSITIONS[state, event]
    else:
        with pytest.raises(
            IllegalTransition, match=f"moving a item that is {state}: got {event}, needed one of"
        ):
            advance(state, event)


@pytest.mark.parametrize(("state", "event"), list(product(JobState, JobEvent)), ids=str)
def test_a_job_moves_by_the_table_or_not_at_all(state: JobState, event: JobEvent) -> None:
    if (state, event) in JOB_TRANSITIONS:
        assert advance(state, event) is JOB_TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransition):
            advance(state, event)


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (ItemState.QUEUED, ItemEvent.CLAIM, ItemState.LEASED),
        (ItemState.LEASED, ItemEvent.DELIVER, ItemState.DONE),
        (ItemState.LEASED, ItemEvent.REQUEUE, ItemState.QUEUED),
        (ItemState.LEASED, ItemEvent.GIVE_BACK, ItemState.QUEUED),
        (ItemState.LEASED, ItemEvent.QUARANTINE, ItemState.QUARANTINED),
        (ItemState.QUARANTINED, ItemEvent.REOPEN, ItemState.QUEUED),
        (ItemState.DONE, ItemEvent.REOPEN, ItemState.QUEUED),
    ],
)
def test_the_walk_of_an_item(state: ItemState, event: ItemEvent, expected: ItemState) -> None:
    assert advance(state, event) is expected


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (JobState.LISTING, JobEvent.LISTED, JobState.QUEUED),
        (JobState.QUEUED, JobEvent.START, JobState.RUNNING),
        (JobState.RUNNING, JobEvent.INTERRUPT, JobState.QUEUED),
        (JobState.RUNNING, JobEvent.PAUSE, JobState.PAUSING),
        (JobState.PAUSING, JobEvent.DRAIN, JobState.PAUSED),
        (JobState.CANCELLING, JobEvent.DRAIN, JobState.CANCELLED),
        (JobState.RUNNING, JobEvent.COMPLETE_WITH_FAILURES, JobState.COMPLETED_WITH_FAILURES),
    ],
)
def test_the_walk_of_a_job(state: JobState, event: JobEvent, expected: JobState) -> None:
    assert advance(state, event) is expected


def test_states_of_the_same_word_do_not_share_a_row() -> None:
    assert advance(ItemState.QUEUED, ItemEvent.CANCEL) is ItemState.CANCELLED
    with pytest.raises(IllegalTransition, match="moving a job"):
        advance(JobState.QUEUED, ItemEvent.CLAIM)  # type: ignore[call-overload]


def test_only_a_reopening_leaves_an_end() -> None:
    for state, event in ITEM_TRANSITIONS:
        assert not state.is_terminal or event is ItemEvent.REOPEN or state is ItemState.DONE
    for job_state, job_event in JOB_TRANSITIONS:
        assert not job_state.is_terminal or job_event in (JobEvent.REOPEN, JobEvent.RETRY)


def test_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in ITEM_TRANSITIONS} == set(ItemState)
    assert set(ITEM_TRANSITIONS.values()) == set(ItemState)
    assert {state for state, _ in JOB_TRANSITIONS} == set(JobState)
    assert set(JOB_TRANSITIONS.values()) == set(JobState)


def test_origins_are_the_rows_of_an_event() -> None:
    assert set(origins(ItemEvent.CANCEL)) == {ItemState.QUEUED, ItemState.LEASED}
