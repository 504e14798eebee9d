"""Exit codes of commands, and the errors that they stand for."""

from enum import IntEnum

from giornata.cluster.errors import (
    ClusterError,
    InvalidParameter,
    ServiceRefused,
    StoreInUse,
    TargetForbidden,
    UnknownWorker,
    UnsafeService,
)
from giornata.jobs.errors import BadSpec, JobError, PlanRefused, StoreUnavailable, UnknownItem, UnknownJob
from giornata.jobs.manager.listing import REJECTED
from giornata.jobs.model.states import JobState
from giornata.styles.errors import StyleError
from giornata.workers.errors import RenderError


class Exit(IntEnum):
    """Exit codes that scripts may rely on; 3 to 99 are left free, shells use those above 125."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    FAILED = 100
    NOT_FINISHED = 101
    NOT_FOUND = 102
    CANCELLED = 103
    COMPLETED_WITH_FAILURES = 104
    REJECTED = 105
    UNREACHABLE = 106


class CommandRefused(Exception):
    """`CommandRefused(reason, exit)`: a command that cannot be carried out as asked."""

    def __str__(self) -> str:
        return str(self.args[0])


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (BadSpec, Exit.USAGE),
    (PlanRefused, Exit.REJECTED),
    (UnknownJob, Exit.NOT_FOUND),
    (UnknownItem, Exit.NOT_FOUND),
    (UnknownWorker, Exit.NOT_FOUND),
    (InvalidParameter, Exit.USAGE),
    (UnsafeService, Exit.REJECTED),
    (TargetForbidden, Exit.REJECTED),
    (StoreUnavailable, Exit.UNREACHABLE),
    (StoreInUse, Exit.REJECTED),
    (ClusterError, Exit.UNREACHABLE),
    (JobError, Exit.REJECTED),
    (StyleError, Exit.REJECTED),
    (RenderError, Exit.FAILED),
)


EXPECTED: tuple[type[Exception], ...] = (CommandRefused, *(family for family, _ in _CODES))


_STATES = {
    JobState.COMPLETED: Exit.DONE,
    JobState.COMPLETED_WITH_FAILURES: Exit.COMPLETED_WITH_FAILURES,
    JobState.FAILED: Exit.FAILED,
    JobState.CANCELLED: Exit.CANCELLED,
}


# What a service answered, by its word for it, or else by its status.
_REFUSALS: dict[str | int, Exit] = {
    "bad_spec": Exit.USAGE,
    "bad_question": Exit.USAGE,
    "bad_request": Exit.USAGE,
    404: Exit.NOT_FOUND,
    500: Exit.INTERNAL,
    503: Exit.UNREACHABLE,
}


def code_of(error: Exception) -> Exit:
    """The exit code of an error that people may cause; anything else is `INTERNAL`."""
    if isinstance(error, ServiceRefused):
        status, code, _ = error.args
        return _REFUSALS.get(code, _REFUSALS.get(status, Exit.REJECTED))
    if isinstance(error, CommandRefused):
        return Exit(error.args[1])
    return next((code for family, code in _CODES if isinstance(error, family)), Exit.INTERNAL)


def code_of_state(state: JobState, reason: str = "") -> Exit:
    """The exit code of a job that was waited for; a stopped one is not finished."""
    if state is JobState.FAILED and reason.startswith(REJECTED):
        return Exit.REJECTED
    return _STATES.get(state, Exit.NOT_FINISHED)
