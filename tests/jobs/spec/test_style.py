from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giornata.jobs.errors import BadSpec
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.style import StyleSpec


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": "a", "mix": {"b": 1}},
        {"image": "a.jpg", "engine": "feedforward"},
        {"name": "a", "steps": 3},
        {"mix": {}},
        {"mix": {"a": 0}},
    ],
)
def test_a_style_that_is_not_one_thing_is_refused(
    spec_of: Callable[..., JobSpec], wrong: dict[str, object]
) -> None:
    with pytest.raises(BadSpec, match=r"styles\[0\]"):
        spec_of(styles=[wrong])


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(1e-3, 1e3), min_size=1))
def test_the_weights_of_a_mix_sum_to_one(mix: dict[str, float]) -> None:
    weights = StyleSpec(mix=mix).weights
    assert sum(weights.values()) == pytest.approx(1)
    assert set(weights) == set(mix)


def test_labels_come_from_what_was_given(spec_of: Callable[..., JobSpec]) -> None:
    styles = [{"mix": {"b": 3, "a": 1}}, {"image": "x/seurat.jpg"}, {"name": "wave", "label": "sea"}]
    assert [style.resolved_label for style in spec_of(styles=styles).styles] == ["a25+b75", "seurat", "sea"]


@pytest.mark.parametrize(
    ("entry", "engine"),
    [
        ({"image": "a.jpg"}, EngineKind.UNIVERSAL),
        ({"images": ["a.jpg", {"path": "b.jpg", "share": 3}]}, EngineKind.UNIVERSAL),
        ({"image": "a.jpg", "levels": 3, "structure": 0.2, "transform": "whiten"}, EngineKind.UNIVERSAL),
        ({"image": "a.jpg", "engine": "optimization"}, EngineKind.OPTIMIZATION),
        ({"image": "a.jpg", "steps": 30}, EngineKind.OPTIMIZATION),
        ({"image": "a.jpg", "optimise": {"beta": 3}}, EngineKind.OPTIMIZATION),
        ({"images": ["a.jpg", {"path": "b.jpg", "mask": "m.png"}], "steps": 9}, EngineKind.OPTIMIZATION),
    ],
)
def test_an_image_is_for_the_universal_engine_unless_an_optimisation_is_asked_for(
    entry: dict[str, object], engine: EngineKind
) -> None:
    assert StyleSpec.model_validate(entry).resolved_engine is engine


def test_several_images_are_named_by_their_shares() -> None:
    choice = StyleSpec.model_validate({"images": ["in/a.jpg", {"path": "b.jpg", "share": 3}]})
    assert choice.resolved_label == "a25+b75"
