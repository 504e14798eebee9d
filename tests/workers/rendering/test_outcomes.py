"""Errors become classes; nothing of ours is left to chance."""

import pytest

from giornata.jobs.model.attempt import Claim, OutcomeClass
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.styles.errors import (
    BadEncoder,
    BadOptions,
    BadStylePicture,
    Diverged,
    StyleError,
    UnknownLayer,
    WeightsMismatch,
)
from giornata.workers import errors
from giornata.workers.rendering.outcomes import classify, failed

CLAIM = Claim(
    job_id="j",
    attempt=2,
    epoch=1,
    task=RenderTask(
        item_id="i", source="/a.png", target="/b.png", style_label="s", mix={"s": 1}, format=PictureFormat.PNG
    ),
)
OURS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.RenderError) and kind is not errors.RenderError
]
BUGS = {errors.WorkerBug, errors.IncompleteCanvas}


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_a_class_of_its_own(kind: type[errors.RenderError]) -> None:
    assert (classify(kind("a", "b", "c")) is OutcomeClass.BUG) == (kind in BUGS)


def test_a_full_memory_says_which_tile_was_too_large() -> None:
    outcome = failed(CLAIM, errors.OutOfMemory(1024))
    assert outcome.outcome_class is OutcomeClass.OOM_DEVICE
    assert outcome.tile_px == 1024
    assert (outcome.item_id, outcome.attempt) == ("i", 2)


@pytest.mark.parametrize(
    "error",
    [
        BadStylePicture("black.png", "one colour", "a picture"),
        BadEncoder("vgg.pth", "NaN", "numbers"),
        BadOptions("alpha 0", "more"),
        UnknownLayer("relu9_9", ("relu1_1",)),
        Diverged(3, float("inf"), 10),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_was_asked_of_an_optimisation_is_for_people_to_put_right(error: StyleError) -> None:
    outcome = failed(CLAIM, error)
    assert outcome.outcome_class is OutcomeClass.BAD_INPUT
    assert outcome.reason == str(error)


def test_foreign_errors_keep_their_name_and_stay_on_one_line() -> None:
    assert failed(CLAIM, ZeroDivisionError("a\nb")).reason == "ZeroDivisionError: a b"
    assert failed(CLAIM, OSError(28, "No space left on device")).outcome_class is OutcomeClass.TRANSIENT_IO
    assert failed(CLAIM, WeightsMismatch("w", "x", "y")).outcome_class is OutcomeClass.BUG
