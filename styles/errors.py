"""Errors of the styles package.

StyleError
├── UnknownStyle        no card of that name
├── BadCard             a card that cannot be read or lacks something
├── WeightsMismatch     weights whose hash or shape is not what the card says
├── BadRecipe           a training recipe that cannot be read
├── MissingPictures     training asked for pictures that are not there
├── TrainingDiverged    the loss is no longer a number
├── BadStatistics       totals that do not belong to this engine
├── UnknownLayer        an encoder has no layer of that name
├── BadEncoder          encoder weights that cannot be read or used
├── BadStylePicture     a picture that no style can be taken from
├── BadOptions          options of an optimisation that do not fit together
└── Diverged            an optimisation that no smaller step could save
"""


class StyleError(Exception):
    """Root of the errors of a style; the arguments survive pickling, `__str__` builds the message."""


class UnknownStyle(StyleError):
    """`UnknownStyle(name, styles)`: the library has no such style."""

    def __str__(self) -> str:
        name, styles = self.args
        return f"looking up style {name!r}: not in the library; known styles: {', '.join(styles) or 'none'}"


class BadCard(StyleError):
    """`BadCard(path, reason)`."""

    def __str__(self) -> str:
        path, reason = self.args
        return f"reading style card {path}: {reason}"


class WeightsMismatch(StyleError):
    """`WeightsMismatch(path, actual, needed)`."""

    def __str__(self) -> str:
        path, actual, needed = self.args
        return f"loading weights {path}: got {actual}, the card needs {needed}"


class BadRecipe(StyleError):
    """`BadRecipe(path, reason)`."""

    def __str__(self) -> str:
        path, reason = self.args
        return f"reading training recipe {path}: {reason}"


class MissingPictures(StyleError):
    """`MissingPictures(folder, needed)`."""

    def __str__(self) -> str:
        folder, needed = self.args
        return f"collecting training pictures in {folder}: needed {needed}"


class TrainingDiverged(StyleError):
    """`TrainingDiverged(step, loss)`."""

    def __str__(self) -> str:
        step, loss = self.args
        return (
            f"training step {step}: loss became {loss}; lower peak_rate and resume from the last checkpoint"
        )


class BadStatistics(StyleError):
    """`BadStatistics(actual, needed)`."""

    def __str__(self) -> str:
        actual, needed = self.args
        return f"applying statistics: got {actual}, this engine needs {needed}"


class UnknownLayer(StyleError):
    """`UnknownLayer(name, layers)`."""

    def __str__(self) -> str:
        name, layers = self.args
        return f"choosing layers: got {name!r}, the encoder has {', '.join(layers)}"


class BadEncoder(StyleError):
    """`BadEncoder(path, actual, needed)`."""

    def __str__(self) -> str:
        path, actual, needed = self.args
        return f"reading encoder weights {path}: got {actual}, needed {needed}"


class BadStylePicture(StyleError):
    """`BadStylePicture(path, actual, needed)`."""

    def __str__(self) -> str:
        path, actual, needed = self.args
        return f"reading style picture {path}: got {actual}, needed {needed}"


class BadOptions(StyleError):
    """`BadOptions(actual, needed)`."""

    def __str__(self) -> str:
        actual, needed = self.args
        return f"planning an optimisation: got {actual}, needed {needed}"


class Diverged(StyleError):
    """`Diverged(step, loss, halvings)`."""

    def __str__(self) -> str:
        step, loss, halvings = self.args
        return (
            f"optimisation step {step}: loss became {loss} and stayed so after {halvings} halvings of the "
            "step; needed a lower rate, or a lower alpha, beta or tv"
        )
