import pytest

from giornata.cluster import errors as ours
from giornata.cluster.cli.exits import EXPECTED, CommandRefused, Exit, code_of, code_of_state
from giornata.jobs import errors as jobs
from giornata.jobs.manager.listing import REJECTED
from giornata.jobs.model.states import JobState
from giornata.styles.errors import UnknownStyle
from giornata.workers.errors import EncodeFailed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandRefused("needed --yes", Exit.REJECTED), Exit.REJECTED),
        (jobs.BadSpec("spec", "unknown key"), Exit.USAGE),
        (jobs.PlanRefused(("no such input",), 1), Exit.REJECTED),
        (jobs.UnknownJob("a"), Exit.NOT_FOUND),
        (jobs.TargetTaken("/out/a.png", "a stranger's"), Exit.REJECTED),
        (ours.InvalidParameter("limit", 0, "a number from 1"), Exit.USAGE),
        (ours.UnknownWorker("render-9", ["render-0"]), Exit.NOT_FOUND),
        (ours.WorkersNeverStart("no memory"), Exit.UNREACHABLE),
        (UnknownStyle("wvae", ("wave",)), Exit.REJECTED),
        (EncodeFailed("out.png", "disk full"), Exit.FAILED),
        (ours.ServiceRefused(422, "bad_spec", "unknown key"), Exit.USAGE),
        (ours.ServiceRefused(404, "unknown_job", "no such job"), Exit.NOT_FOUND),
        (ours.ServiceRefused(409, "wrong_state", "it is paused"), Exit.REJECTED),
        (ours.ServiceRefused(503, "standby", "another one manages"), Exit.UNREACHABLE),
        (ours.ServiceRefused(500, "internal", "a fault"), Exit.INTERNAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_ends_a_command_with_its_code(error: Exception, code: Exit) -> None:
    assert isinstance(error, EXPECTED)
    assert code_of(error) is code


def test_what_nobody_expected_is_a_fault_of_the_program() -> None:
    assert not isinstance(KeyError("a"), EXPECTED)
    assert code_of(KeyError("a")) is Exit.INTERNAL


@pytest.mark.parametrize("state", JobState)
def test_only_a_job_that_went_well_ends_with_nought(state: JobState) -> None:
    code = code_of_state(state)
    assert (code is Exit.DONE) is (state is JobState.COMPLETED)
    assert (code is Exit.NOT_FINISHED) is not state.is_terminal


def test_a_job_that_was_refused_while_listing_is_told_from_one_that_failed() -> None:
    assert code_of_state(JobState.FAILED, "4 of 5 items failed") is Exit.FAILED
    assert code_of_state(JobState.FAILED, REJECTED + "two outputs of one name") is Exit.REJECTED


def test_codes_leave_room_for_those_of_shells() -> None:
    assert all(code <= 2 or 100 <= code < 126 for code in Exit)
