"""What can go wrong with an evaluation.

StyleError
└── EvaluationError
    ├── BadWeights          a judging network that cannot be read
    ├── BadEvaluation       methods, images or a folder that cannot be evaluated
    └── BadVotes            answers that are not those of the page
"""

from giornata.styles.errors import StyleError


class EvaluationError(StyleError):
    """Root of what can go wrong with an evaluation; the arguments survive pickling."""


class BadWeights(EvaluationError):
    """`BadWeights(path, actual, needed)`."""

    def __str__(self) -> str:
        path, actual, needed = self.args
        return f"reading the weights of a judging network, {path}: got {actual}, needed {needed}"


class BadEvaluation(EvaluationError):
    """`BadEvaluation(doing, actual, needed)`."""

    def __str__(self) -> str:
        doing, actual, needed = self.args
        return f"{doing}: got {actual}, needed {needed}"


class BadVotes(EvaluationError):
    """`BadVotes(path, actual, needed)`."""

    def __str__(self) -> str:
        path, actual, needed = self.args
        return f"reading votes {path}: got {actual}, needed {needed}"
