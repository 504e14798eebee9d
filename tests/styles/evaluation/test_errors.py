import pickle

import pytest

from giornata.styles.evaluation import errors
from giornata.styles.evaluation.errors import EvaluationError

EXAMPLES = [
    errors.BadWeights("alex.pth", "no features.0.weight", "torchvision's tensors"),
    errors.BadEvaluation("choosing photographs", "an empty folder", "one photograph"),
    errors.BadVotes("votes.json", "another page", "answers to this one"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_all_its_words_on_one_line(error: EvaluationError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert (type(copy), str(copy)) == (type(error), str(error))
    assert all(words in str(error) for words in error.args)
    assert "\n" not in str(error)


def test_every_error_has_an_example_and_a_line_in_the_tree() -> None:
    leaves = {kind.__name__ for kind in EvaluationError.__subclasses__()}
    assert leaves == {type(error).__name__ for error in EXAMPLES}
    assert all(f"── {name} " in (errors.__doc__ or "") for name in leaves)
