"""The states of items and jobs, what may happen to them, and the one function that applies it."""

from enum import StrEnum
from typing import Any, overload

from giornata.jobs.errors import IllegalTransition


class ItemState(StrEnum):
    """Where one item stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens to it unless a person asks."""
        return self not in (ItemState.QUEUED, ItemState.LEASED)

    @property
    def is_lost(self) -> bool:
        """Whether it counts as a failure of the batch."""
        return self in (ItemState.FAILED, ItemState.QUARANTINED)


class ItemEvent(StrEnum):
    """What may happen to an item."""

    CLAIM = "claim"
    DELIVER = "deliver"  # its output is published
    ADOPT = "adopt"  # its output was published, but the manager died before it could write so down
    REQUEUE = "requeue"  # the retry policy wants another attempt
    GIVE_BACK = "give_back"  # the lease ends without an attempt: shutdown, cancel, a dead manager
    FAIL = "fail"
    QUARANTINE = "quarantine"
    SKIP = "skip"
    CANCEL = "cancel"
    REOPEN = "reopen"  # a person retries it, or its output has gone


class JobState(StrEnum):
    """Where a job stands."""

    LISTING = "listing"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, unless a person reopens it."""
        return self in (
            JobState.CANCELLED,
            JobState.COMPLETED,
            JobState.COMPLETED_WITH_FAILURES,
            JobState.FAILED,
        )


class JobEvent(StrEnum):
    """What may happen to a job."""

    LISTED = "listed"  # every item is in the store
    START = "start"
    CANARY = "canary"  # most of the first items failed alike; a person should look before the rest is spent
    INTERRUPT = "interrupt"  # the manager stopped or died; the job will go on
    PAUSE = "pause"
    DRAIN = "drain"  # nothing of it is in flight any more
    RESUME = "resume"
    CANCEL = "cancel"
    COMPLETE = "complete"
    COMPLETE_WITH_FAILURES = "complete_with_failures"
    FAIL = "fail"
    REJECT = "reject"  # listing found what the checks refuse; nothing has run
    RETRY = "retry"  # a person put items back in the queue
    REOPEN = "reopen"  # submitted again: it lists again


_SETTLED = (ItemState.DONE, ItemState.FAILED, ItemState.QUARANTINED, ItemState.SKIPPED, ItemState.CANCELLED)

ITEM_TRANSITIONS: dict[tuple[ItemState, ItemEvent], ItemState] = {
    (ItemState.QUEUED, ItemEvent.CLAIM): ItemState.LEASED,
    (ItemState.QUEUED, ItemEvent.ADOPT): ItemState.DONE,
    (ItemState.QUEUED, ItemEvent.SKIP): ItemState.SKIPPED,
    (ItemState.QUEUED, ItemEvent.CANCEL): ItemState.CANCELLED,
    (ItemState.LEASED, ItemEvent.DELIVER): ItemState.DONE,
    (ItemState.LEASED, ItemEvent.REQUEUE): ItemState.QUEUED,
    (ItemState.LEASED, ItemEvent.GIVE_BACK): ItemState.QUEUED,
    (ItemState.LEASED, ItemEvent.FAIL): ItemState.FAILED,
    (ItemState.LEASED, ItemEvent.QUARANTINE): ItemState.QUARANTINED,
    (ItemState.LEASED, ItemEvent.CANCEL): ItemState.CANCELLED,
    # An output that someone changed after delivery is not ours to overwrite.
    (ItemState.DONE, ItemEvent.FAIL): ItemState.FAILED,
    **{(state, ItemEvent.REOPEN): ItemState.QUEUED for state in _SETTLED},
}

_RUNNING_ENDS = {
    JobEvent.COMPLETE: JobState.COMPLETED,
    JobEvent.COMPLETE_WITH_FAILURES: JobState.COMPLETED_WITH_FAILURES,
    JobEvent.FAIL: JobState.FAILED,
}
_ENDED = tuple(state for state in JobState if state.is_terminal)

JOB_TRANSITIONS: dict[tuple[JobState, JobEvent], JobState] = {
    (JobState.LISTING, JobEvent.LISTED): JobState.QUEUED,
    (JobState.LISTING, JobEvent.START): JobState.RUNNING,  # listing and running overlap
    (JobState.LISTING, JobEvent.FAIL): JobState.FAILED,
    (JobState.LISTING, JobEvent.REJECT): JobState.FAILED,
    (JobState.LISTING, JobEvent.PAUSE): JobState.PAUSED,
    (JobState.LISTING, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.QUEUED, JobEvent.START): JobState.RUNNING,
    (JobState.QUEUED, JobEvent.PAUSE): JobState.PAUSED,
    (JobState.QUEUED, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.RUNNING, JobEvent.START): JobState.RUNNING,  # a new manager takes over from a dead one
    (JobState.RUNNING, JobEvent.INTERRUPT): JobState.QUEUED,
    (JobState.RUNNING, JobEvent.PAUSE): JobState.PAUSING,
    (JobState.RUNNING, JobEvent.CANARY): JobState.PAUSING,
    (JobState.RUNNING, JobEvent.CANCEL): JobState.CANCELLING,
    (JobState.PAUSING, JobEvent.DRAIN): JobState.PAUSED,
    (JobState.PAUSING, JobEvent.RESUME): JobState.RUNNING,
    (JobState.PAUSING, JobEvent.CANCEL): JobState.CANCELLING,
    (JobState.PAUSED, JobEvent.RESUME): JobState.QUEUED,
    (JobState.PAUSED, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.CANCELLING, JobEvent.DRAIN): JobState.CANCELLED,
    **{(JobState.RUNNING, event): end for event, end in _RUNNING_ENDS.items()},
    **{(JobState.PAUSING, event): end for event, end in _RUNNING_ENDS.items()},
    **{(state, JobEvent.RETRY): JobState.QUEUED for state in _ENDED},
    **{(state, JobEvent.RETRY): state for state in JobState if not state.is_terminal},
    **{(state, JobEvent.REOPEN): JobState.LISTING for state in (*_ENDED, JobState.QUEUED, JobState.PAUSED)},
    # A manager that died while listing, or while running: the next one lists again and finds what is new.
    (JobState.LISTING, JobEvent.REOPEN): JobState.LISTING,
    (JobState.RUNNING, JobEvent.REOPEN): JobState.LISTING,
}


@overload
def advance(state: ItemState, event: ItemEvent) -> ItemState: ...
@overload
def advance(state: JobState, event: JobEvent) -> JobState: ...
def advance(state: ItemState | JobState, event: ItemEvent | JobEvent) -> ItemState | JobState:
    """The state after an event. Raises `IllegalTransition` that lists the events the state knows."""
    kind = "item" if isinstance(state, ItemState) else "job"
    # The two tables stay apart because members of different string enums compare as their words.
    table: dict[Any, Any] = ITEM_TRANSITIONS if kind == "item" else JOB_TRANSITIONS
    if (state, event) not in table:
        raise IllegalTransition(
            kind, state, event, tuple(str(known_event) for at, known_event in table if at == state)
        )
    following: ItemState | JobState = table[state, event]
    return following


def origins(event: ItemEvent) -> tuple[ItemState, ...]:
    """The item states in which an event may happen, for updates of many rows at once."""
    return tuple(state for state, known_event in ITEM_TRANSITIONS if known_event is event)
