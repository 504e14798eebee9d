"""Styles of the universal engine in specs and tasks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadSpec, PlanRefused
from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise, TaskUniversal
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.planning.validate import check_whole
from giornata.jobs.spec.enums import EngineKind, PictureFormat, TransformKind
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.style import StyleImage, StyleSpec
from giornata.styles.universal.transform import TransformKind as EngineTransform
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "irises", universal=("irises",))
NAMED = RenderTask(
    item_id="a",
    source="/in/a.png",
    target="/out/a.png",
    style_label="wave",
    mix={"wave": 1.0},
    format=PictureFormat.PNG,
    engine_version="1",
)


def tasks_of(spec: JobSpec, base: Path) -> list[RenderTask]:
    (base / "scans").mkdir(exist_ok=True)
    (base / "scans" / "a.jpg").write_bytes(b"x")
    return list(expand(spec, base=base, styles=STYLES))


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


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"image": "a.jpg", "levels": 0}, "from 1 .colours. to 5"),
        ({"image": "a.jpg", "levels": 6}, "from 1 .colours. to 5"),
        ({"image": "a.jpg", "structure": 1.5}, "from 0 to 1"),
        ({"image": "a.jpg", "transform": "magic"}, "transport, whiten, moments"),
        ({"image": "a.jpg", "steps": 9, "levels": 3}, "levels is for engine universal"),
        ({"name": "wave", "engine": "feedforward", "levels": 3}, "levels is for engine universal"),
        ({"name": "wave", "style_size": 512}, "style_size is for images"),
        ({"image": "a.jpg", "engine": "universal", "optimise": {"beta": 3}}, "optimise is for engine"),
        ({"images": [{"path": "a.jpg", "mask": "m.png"}]}, "needed regions with styles by name"),
        ({"image": "a.jpg", "images": ["b.jpg"]}, "exactly one of name, mix, image and images"),
        (
            {"image": "a.jpg", "steps": 3, "regions": [{"mask": "m.png", "name": "wave"}]},
            "regions are for other engines",
        ),
    ],
)
def test_what_does_not_fit_an_engine_is_refused(
    spec_of: SpecOf, entry: dict[str, object], words: str
) -> None:
    with pytest.raises(BadSpec, match=words):
        spec_of(styles=[entry])


def test_several_images_are_named_by_their_shares() -> None:
    choice = StyleSpec.model_validate({"images": ["in/a.jpg", {"path": "b.jpg", "share": 3}]})
    assert choice.resolved_label == "a25+b75"


def test_a_task_carries_images_by_their_paths_and_versions(tmp_path: Path, spec_of: SpecOf) -> None:
    (tmp_path / "b.jpg").write_bytes(b"12345")
    style = {"images": ["b.jpg", {"path": "s3://bucket/c.jpg", "share": 2}], "levels": 3}
    spec = spec_of(styles=[{**style, "label": "mix"}])
    told = TaskUniversal(images=(StyleImage(path=str(tmp_path / "b.jpg")),), stamps=("5-1",))
    assert told.stamp_of(str(tmp_path / "b.jpg")) == "5-1"
    (near,) = tasks_of(spec.model_copy(update={"styles": (StyleSpec(image="b.jpg", levels=3),)}), tmp_path)
    assert near.engine is EngineKind.UNIVERSAL
    assert near.mix == {}
    assert near.universal is not None
    assert near.universal.levels == 3
    assert near.universal.pictures == (str(tmp_path / "b.jpg"),)
    assert near.reads == (near.source, str(tmp_path / "b.jpg"))
    assert near.stamp_of(str(tmp_path / "b.jpg")).startswith("5-")


def test_an_image_that_changed_is_the_same_wish_made_from_something_newer(
    tmp_path: Path, spec_of: SpecOf
) -> None:
    spec = spec_of(styles=[{"image": "b.jpg"}])
    (tmp_path / "b.jpg").write_bytes(b"12345")
    first = tasks_of(spec, tmp_path)[0].content_key()
    (tmp_path / "b.jpg").write_bytes(b"123456")
    second = tasks_of(spec, tmp_path)[0].content_key()
    assert first != second
    assert first[:20] == second[:20]


def test_a_style_by_name_is_of_the_engine_that_the_library_says(tmp_path: Path, spec_of: SpecOf) -> None:
    plain, deep, wave = tasks_of(
        spec_of(styles=["irises", {"name": "irises", "levels": 2, "label": "two"}, "wave"]), tmp_path
    )
    assert (plain.engine, plain.universal) == (EngineKind.UNIVERSAL, None)
    assert deep.universal == TaskUniversal(levels=2)
    assert deep.content_key() != plain.content_key()
    assert (wave.engine, wave.universal) == (EngineKind.FEEDFORWARD, None)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "wave", "levels": 2}, "levels: needed a style of engine universal, wave is of engine feed"),
        ({"name": "wave", "engine": "universal"}, "engine: needed a style of engine universal"),
        ({"name": "irises", "engine": "feedforward"}, "engine: needed a style of engine feedforward"),
        ({"mix": {"wave": 1, "irises": 1}}, "mix of engines feedforward, universal"),
        ({"image": "nobody.jpg"}, "style picture .*nobody.jpg: no such file"),
    ],
)
def test_styles_that_an_engine_cannot_paint_are_refused_by_the_plan(
    tmp_path: Path, spec_of: SpecOf, entry: dict[str, object], words: str
) -> None:
    with pytest.raises(PlanRefused, match=words):
        check_whole(spec_of(styles=[entry]), tmp_path, STYLES)


def test_keys_of_tasks_that_say_nothing_of_it_are_what_they_were() -> None:
    told = TaskOptimise(images=(StyleImage(path="/in/b.png"),), steps=30, stamps=("7-1",))
    optimised = NAMED.model_copy(update={"engine": EngineKind.OPTIMIZATION, "mix": {}, "optimise": told})
    assert NAMED.content_key() == "3aa726215e407cdb3333e16da9db0ad1be38b2d2"
    assert optimised.content_key() == "463b24a0cf7ad3d1b6ef21051e9dc15de1b9923e"


def test_the_spec_and_the_engine_know_the_same_transforms() -> None:
    assert [kind.value for kind in TransformKind] == [kind.value for kind in EngineTransform]
