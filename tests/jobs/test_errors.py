import inspect
import pickle

import pytest

from giornata.jobs import errors
from giornata.jobs.errors import BadManifest, BadSpec, JobError, PlanRefused

ARGUMENTS = {
    "JobError": ("something",),
    "BadSpec": ("a.yaml line 3, name", "got 1, needed text"),
    "BadManifest": ("a.csv", 3, "path", "got nothing"),
    "MissingInput": ("a.jpg", "nothing is there"),
    "BadName": ("a.jpg", "leaves"),
    "TargetTaken": ("a.jpg", "a file stands there"),
    "PlanRefused": (("one", "two"), 5),
    "UnknownJob": ("autumn-1",),
    "UnknownItem": ("autumn-1", "0a"),
    "IllegalTransition": ("item", "done", "claim", ("reopen",)),
    "Superseded": ("autumn-1", 1, 2),
    "StoreUnavailable": ("jobs.sqlite", "locked", True),
    **dict.fromkeys(
        (
            "StorageError",
            "UnsupportedUrl",
            "ObjectNotFound",
            "ObjectChanged",
            "ReadLimitReached",
            "StorageThrottled",
            "StorageUnavailable",
            "StorageAccessDenied",
        ),
        ("s3://bucket/a.jpg", "nothing is there"),
    ),
}
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JobError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling_with_its_words(kind: type[JobError]) -> None:
    error = kind(*ARGUMENTS[kind.__name__])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is kind
    assert str(again) == str(error)


def test_the_drawn_tree_names_every_class() -> None:
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in CLASSES)


def test_messages_say_where_and_what() -> None:
    assert str(BadSpec("a.yaml line 3, name", "got 1, needed text")) == (
        "reading a.yaml line 3, name: got 1, needed text"
    )
    assert str(BadManifest("a.csv", 3, "", "short")) == "reading manifest a.csv line 3: short"
    assert str(PlanRefused(("one",), 3)) == "one\nand 2 more problems"
