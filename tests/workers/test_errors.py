import pickle

import pytest

from giornata.workers import errors
from giornata.workers.errors import RenderError
from giornata.workers.source import RejectCode

EXAMPLES = [
    errors.Rejected("a.jpg", RejectCode.EMPTY, "the file holds no bytes"),
    errors.Unreadable("a.jpg", "Input/output error"),
    errors.SandboxUnavailable("no python"),
    errors.EncodeFailed("out.png", "disk full"),
    errors.ScratchFull("/scratch", 2_000_000, 1_000_000),
    errors.EffectRefused("sizing strokes", "2 mm", "a picture with a known DPI"),
    errors.OutOfMemory(2048),
    errors.WorkerBug("decoding a.jpg", "KeyError"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_words(error: RenderError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert "\n" not in str(error)


def test_every_error_has_an_example_and_a_line_in_the_tree() -> None:
    leaves = {kind.__name__ for kind in RenderError.__subclasses__() if kind.__module__ == errors.__name__}
    assert leaves >= {type(error).__name__ for error in EXAMPLES}
    assert all(name in (errors.__doc__ or "") for name in leaves)
