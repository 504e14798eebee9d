from collections.abc import Callable
from pathlib import Path

from giornata.jobs.model.task import RenderTask, is_outdated
from giornata.jobs.model.task_style import TaskOptimise
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.enums import EngineKind, PictureFormat, PreserveColour, Statistics
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.style import StyleImage
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
Pictures = Callable[..., Path]
STYLES = StyleNames("wave", "night", "dots")

NAMED = RenderTask(
    item_id="a",
    source="/in/a.png",
    target="/out/a.png",
    style_label="wave",
    mix={"wave": 1.0},
    format=PictureFormat.PNG,
    engine_version="1",
)


def test_keys_of_tasks_that_say_nothing_of_it_are_what_they_were() -> None:
    told = TaskOptimise(images=(StyleImage(path="/in/b.png"),), steps=30, stamps=("7-1",))
    optimised = NAMED.model_copy(update={"engine": EngineKind.OPTIMIZATION, "mix": {}, "optimise": told})
    assert NAMED.content_key() == "3aa726215e407cdb3333e16da9db0ad1be38b2d2"
    assert optimised.content_key() == "463b24a0cf7ad3d1b6ef21051e9dc15de1b9923e"


def tasks_of(spec: JobSpec, base: Path) -> list[RenderTask]:
    return list(expand(spec, base=base, styles=STYLES))


def test_a_master_follows_what_is_styled_and_not_how_it_is_written(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    outputs = [{"format": "tiff"}, {"format": "jpeg", "quality": 80, "size": 300, "suffix": "_access"}]
    first, second = tasks_of(spec_of(outputs=outputs), tmp_path)
    assert first.master_key() == second.master_key()
    assert first.content_key() != second.content_key()
    for change in ({"strength": 0.5}, {"source_stamp": "1-2"}, {"min_ssim": 0.5}, {"mix": {"night": 1.0}}):
        assert first.model_copy(update=change).master_key() != first.master_key()


def test_what_was_not_asked_for_leaves_the_content_key_alone(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (plain,) = tasks_of(spec_of(), tmp_path)
    assert tasks_of(spec_of(limits={"max_pixels": 10}, metadata={"sidecar": False}), tmp_path)[
        0
    ].content_key() == (plain.content_key())
    (kept,) = tasks_of(spec_of(render={"preserve_colour": "luminance"}), tmp_path)
    assert kept.preserve_colour is PreserveColour.LUMINANCE
    assert kept.content_key() != plain.content_key()


def test_a_mask_that_changed_makes_its_picture_outdated(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    mask = tmp_path / "a_logo.png"
    mask.write_bytes(b"one")
    spec = spec_of(masks={"protect": "{stem}_logo.png"})
    (before,) = tasks_of(spec, tmp_path)
    mask.write_bytes(b"another")
    (after,) = tasks_of(spec, tmp_path)
    assert is_outdated(before.content_key(), by=after.content_key())


def test_the_content_key_follows_the_pixels_and_not_the_name(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (task,) = expand(spec_of(), base=tmp_path, styles=STYLES)

    def key(**changes: object) -> str:
        return task.model_copy(update=changes).content_key()

    assert key(target="/x.jpg", item_id="1", tile_px=64) == task.content_key()
    assert key(strength=0.5) != task.content_key()
    assert key(statistics=Statistics.THUMBNAIL, tile_px=64) != key(statistics=Statistics.THUMBNAIL)
    assert is_outdated(task.content_key(), by=key(engine_version="2"))
    assert is_outdated(task.content_key(), by=key(source_stamp="3-4"))
    assert not is_outdated(task.content_key(), by=key(strength=0.5, engine_version="2"))
    assert RenderTask.model_validate_json(task.model_dump_json()) == task
