"""Errors of the cluster package cross processes."""

import pickle

import pytest

from giornata.cluster import errors

EXAMPLES = [
    errors.ClusterUnreachable("10.0.0.1:6379", "no answer in 30 s"),
    errors.RayLoadedTooEarly("RAY_AUTH_MODE", None, "token"),
    errors.RayFailedToStart("no space"),
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


def test_every_error_is_in_the_drawn_tree() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(one, errors.ClusterError) for one in classes)
    assert all(one.__name__ in (errors.__doc__ or "") for one in classes)


def test_the_last_line_that_says_something_is_the_cause() -> None:
    assert errors.last_line("Traceback\n  File\nValueError: no\n\n") == "ValueError: no"
    assert errors.last_line("") == ""
