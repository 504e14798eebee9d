from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadName, BadSpec
from giornata.jobs.model.task import RenderTask, is_outdated
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.enums import Container, PictureFormat, PreserveColour
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.values import Brush, BrushUnit
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "night")


def tasks(spec: JobSpec, base: Path) -> list[RenderTask]:
    return list(expand(spec, base=base, styles=STYLES))


@pytest.mark.parametrize(
    ("written", "brush"),
    [
        ("24px", Brush(value=24, unit=BrushUnit.PX)),
        ("3 mm", Brush(value=3, unit=BrushUnit.MM)),
        ("1.5mm", Brush(value=1.5, unit=BrushUnit.MM)),
        (0.02, Brush(value=0.02, unit=BrushUnit.RELATIVE)),
    ],
)
def test_a_brush_has_a_unit(spec_of: SpecOf, written: object, brush: Brush) -> None:
    assert spec_of(render={"brush": written}).render.brush == brush


@pytest.mark.parametrize("written", ["thick", "0px", -1, "3 inches", True])
def test_a_stroke_that_means_nothing_is_refused(spec_of: SpecOf, written: object) -> None:
    with pytest.raises(BadSpec, match=r"brush"):
        spec_of(render={"brush": written})


def test_masks_are_found_by_the_name_of_their_picture(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("sub/a.jpg")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a_logo.png").touch()
    spec = spec_of(masks={"protect": "masks/{stem}_logo.png", "feather": 3})
    (task,) = tasks(spec, tmp_path)
    assert task.masks.protect == str(tmp_path / "masks" / "a_logo.png")
    assert task.masks.feather_px == 3
    assert task.masks.apply is None


def test_a_mask_that_is_not_there_is_a_problem_unless_it_may_be_missing(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    with pytest.raises(BadName, match="its mask is not there"):
        tasks(spec_of(masks={"apply": "masks/{stem}.png"}), tmp_path)
    (task,) = tasks(spec_of(masks={"apply": "masks/{stem}.png", "optional": True}), tmp_path)
    assert task.masks.apply is None


def test_regions_bring_their_own_style_and_strength(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (tmp_path / "sky.png").touch()
    style = {"name": "wave", "strength": 0.5, "regions": [{"mask": "sky.png", "mix": {"night": 2}}]}
    (task,) = tasks(spec_of(styles=[style]), tmp_path)
    (region,) = task.regions
    assert (region.mask, region.mix, region.strength) == (str(tmp_path / "sky.png"), {"night": 1.0}, 0.5)


def test_tiles_come_in_a_folder_or_a_zip(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    outputs = [{"format": "dzi"}, {"format": "iiif", "container": "zip", "suffix": "_iiif"}]
    folder, packed = tasks(spec_of(outputs=outputs), tmp_path)
    assert (folder.format, Path(folder.target).name) == (PictureFormat.DZI, "a_wave")
    assert (packed.container, Path(packed.target).name) == (Container.ZIP, "a_wave_iiif.zip")
    with pytest.raises(BadSpec, match="container goes with format dzi or iiif"):
        spec_of(outputs=[{"format": "png", "container": "zip"}])


@pytest.mark.parametrize("base", ["https://iiif.museum.org/3", "https://iiif.museum.org/3/"])
def test_tiles_know_the_address_they_will_be_served_at(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf, base: str
) -> None:
    pictures("sheet 1/ö.jpg")
    zipped = {"format": "iiif", "container": "zip", "suffix": "_z", "iiif_base": base}
    outputs = [{"format": "iiif", "iiif_base": base}, zipped, {"format": "iiif", "suffix": "_bare"}]
    assert [task.iiif_id for task in tasks(spec_of(outputs=outputs), tmp_path)] == [
        "https://iiif.museum.org/3/sheet%201/%C3%B6_wave",
        "https://iiif.museum.org/3/sheet%201/%C3%B6_wave_z",
        None,
    ]


@pytest.mark.parametrize(
    "base", ["iiif.museum.org", "ftp://museum.org", "https://", "https://museum.org/?a=b", "https://a@b.org"]
)
def test_an_address_that_cannot_be_one_is_refused(spec_of: SpecOf, base: str) -> None:
    with pytest.raises(BadSpec, match="without query or fragment"):
        spec_of(outputs=[{"format": "iiif", "iiif_base": base}])


def test_what_goes_with_some_formats_only_is_refused_with_others(spec_of: SpecOf) -> None:
    with pytest.raises(BadSpec, match="iiif_base goes with format iiif"):
        spec_of(outputs=[{"format": "dzi", "iiif_base": "https://museum.org"}])
    with pytest.raises(BadSpec, match="max_bytes goes with format jpeg or webp or avif or dzi or iiif"):
        spec_of(outputs=[{"format": "png", "max_bytes": 5000}])
    assert spec_of(outputs=[{"format": "dzi", "max_bytes": "1 MB"}]).outputs[0].max_bytes == 1_000_000


def test_what_was_not_asked_for_leaves_the_content_key_alone(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (plain,) = tasks(spec_of(), tmp_path)
    assert tasks(spec_of(limits={"max_pixels": 10}, metadata={"sidecar": False}), tmp_path)[
        0
    ].content_key() == (plain.content_key())
    (kept,) = tasks(spec_of(render={"preserve_colour": "luminance"}), tmp_path)
    assert kept.preserve_colour is PreserveColour.LUMINANCE
    assert kept.content_key() != plain.content_key()


def test_a_mask_that_changed_makes_its_picture_outdated(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    mask = tmp_path / "a_logo.png"
    mask.write_bytes(b"one")
    spec = spec_of(masks={"protect": "{stem}_logo.png"})
    (before,) = tasks(spec, tmp_path)
    mask.write_bytes(b"another")
    (after,) = tasks(spec, tmp_path)
    assert is_outdated(before.content_key(), by=after.content_key())
