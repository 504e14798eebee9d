import pickle

import pytest

from giornata.styles import errors
from giornata.styles.errors import StyleError

EXAMPLES = [
    errors.UnknownStyle("wvae", ("wave", "night")),
    errors.UnknownStyle("wave", ()),
    errors.BadCard("wave.toml", "title: needed text"),
    errors.WeightsMismatch("a.safetensors", "sha256 0", "sha256 1"),
    errors.BadRecipe("a.toml", "unknown key"),
    errors.MissingPictures("photos", "one photograph"),
    errors.TrainingDiverged(7, float("inf")),
    errors.BadStatistics("1 phase", "2"),
    errors.UnknownLayer("relu9_9", ("relu1_1",)),
    errors.BadEncoder("a.pth", "nothing", "tensors"),
    errors.BadStylePicture("a.png", "one colour", "two"),
    errors.BadOptions("alpha -1", "a number from 0"),
    errors.Diverged(3, float("inf"), 5),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_all_its_words_on_one_line(error: StyleError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert (type(copy), copy.args) == (type(error), error.args)
    assert str(copy) == str(error)
    assert "\n" not in str(error)
    for argument in error.args:
        words = ", ".join(argument) if isinstance(argument, tuple) else str(argument)
        assert words in str(error)


def test_every_error_has_an_example_and_a_line_in_the_tree() -> None:
    leaves = {kind.__name__ for kind in StyleError.__subclasses__() if kind.__module__ == errors.__name__}
    assert leaves == {type(error).__name__ for error in EXAMPLES}
    assert all(f"── {name} " in (errors.__doc__ or "") for name in leaves)


def test_an_empty_library_says_that_it_knows_none() -> None:
    assert str(errors.UnknownStyle("wave", ())).endswith("known styles: none")
