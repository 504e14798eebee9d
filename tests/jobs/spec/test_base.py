from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BeforeValidator, ValidationError

from giornata.jobs.spec.base import Share, SpecModel, Weight, named, one_or_many


class Part(SpecModel):
    path: str
    share: Weight = 1.0


class Whole(SpecModel):
    parts: Annotated[tuple[Annotated[Part, named("path")], ...], BeforeValidator(one_or_many)] = ()
    much: Share = 1.0


@pytest.mark.parametrize("written", ["a.png", {"path": "a.png"}, ["a.png"], [{"path": "a.png", "share": 1}]])
def test_a_bare_word_is_a_list_of_one_group(written: object) -> None:
    assert Whole.model_validate({"parts": written}).parts == (Part(path="a.png"),)


@pytest.mark.parametrize(
    "wrong", [{"part": 1}, {"parts": 3}, {"parts": [3]}, {"parts": {"path": "a", "x": 1}}]
)
def test_what_is_not_known_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Whole.model_validate(wrong)


def test_a_group_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Part(path="a").path = "b"  # type: ignore[misc]


@given(st.floats())
def test_a_share_is_from_nought_to_one_and_a_weight_above_nought(number: float) -> None:
    for key, model, is_good in (
        ("much", Whole, 0 <= number <= 1),
        ("share", Part, 0 < number < float("inf")),
    ):
        words = {"path": "a", key: number} if model is Part else {key: number}
        if is_good:
            assert getattr(model.model_validate(words), key) == number
        else:
            with pytest.raises(ValidationError):
                model.model_validate(words)
