"""Errors of the cluster package cross processes."""

import pickle

import pytest

from giornata.cluster import errors

EXAMPLES = [
    errors.ClusterUnreachable("10.0.0.1:6379", "no answer in 30 s"),
    errors.RayLoadedTooEarly("RAY_AUTH_MODE", None, "token"),
    errors.RayFailedToStart("no space"),
    errors.ServiceUnreachable("http://127.0.0.1:8765", "connection refused"),
    errors.InvalidParameter("limit", 0, "a whole number from 1"),
    errors.UnsafeService("0.0.0.0", "needed tokens"),  # noqa: S104
    errors.TargetForbidden("http://10.0.0.1/", "a private address"),
    errors.NoFreeSlot("key", "any started worker", 4),
    errors.UnknownWorker("render-0.0", ["render-0.1"]),
    errors.PoolClosed("key"),
    errors.WorkersNeverStart(3, "no torch"),
    errors.WorkerLost("render-0.0", "killed"),
    errors.CallTimedOut("key", "render-0.0", 900.0),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_and_says_its_arguments_in_one_line(error: errors.ClusterError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 our own bytes
    assert type(again) is type(error)
    assert again.args == error.args
    assert "\n" not in str(again)
    assert str(error.args[0]) in str(error)


def test_a_refusal_says_the_services_own_words() -> None:
    error = errors.ServiceRefused(404, "unknown_job", "looking up job 'x': the store has no such job")
    assert pickle.loads(pickle.dumps(error)).args == error.args  # noqa: S301 our own bytes
    assert str(error) == "looking up job 'x': the store has no such job (unknown_job)"


def test_every_error_is_in_the_drawn_tree() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(one, errors.ClusterError) for one in classes)
    assert all(one.__name__ in (errors.__doc__ or "") for one in classes)


def test_the_last_line_that_says_something_is_the_cause() -> None:
    assert errors.last_line("Traceback\n  File\nValueError: no\n\n") == "ValueError: no"
    assert errors.last_line("") == ""
