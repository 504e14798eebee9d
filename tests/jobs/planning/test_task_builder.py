from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadName, MissingInput, PlanRefused
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.estimate import PlanReport, Size, plan
from giornata.jobs.planning.task_builder import MASTERS_AT_ONCE, expand
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]


Pictures = Callable[..., Path]


STYLES = StyleNames("wave", "night", "dots")


def tasks_of(spec: JobSpec, base: Path) -> list[RenderTask]:
    return list(expand(spec, base=base, styles=STYLES))


def test_outputs_of_one_styled_picture_share_a_key_and_come_a_block_apart(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures(*(f"{n}.jpg" for n in range(MASTERS_AT_ONCE + 2)))
    tasks = tasks_of(spec_of(formats=["1:1", "9:16"]), tmp_path)
    keys = [task.master_key() for task in tasks]
    assert len(set(keys)) == MASTERS_AT_ONCE + 2
    assert keys[:MASTERS_AT_ONCE] == keys[MASTERS_AT_ONCE : 2 * MASTERS_AT_ONCE]
    assert {task.siblings for task in tasks} == {2}
    each = tasks_of(spec_of(formats=["1:1", "9:16"], crop={"styling": "each"}), tmp_path)
    assert len({task.master_key() for task in each}) == len(each)


def test_columns_say_where_crops_lie_and_what_is_left_out(tmp_path: Path, spec_of: SpecOf) -> None:
    (tmp_path / "list.csv").write_text(
        "path,locale,focal_x,focal_y,safe_left,safe_top,safe_right,safe_bottom\n"
        "a.jpg,de,0.2,0.9,0.1,0.2,0.6,1\n"
        "b.jpg,fr,,,,,,\n"
        "c.jpg,xx,0.1,0.1,,,,\n"
    )
    spec = spec_of(
        inputs="list.csv",
        formats="4:5",
        crop={"focal": [0.5, 0.3]},
        template="{column.locale}/{stem}_{style}_{ratio}{ext}",
        excludes={"columns": {"locale": "xx"}},
    )
    tasks = tasks_of(spec, tmp_path)
    assert [Path(task.target).relative_to(tmp_path.resolve() / "out").as_posix() for task in tasks] == [
        "de/a_wave_4x5.jpg",
        "fr/b_wave_4x5.jpg",
    ]
    crops = [task.crop for task in tasks]
    assert crops[0] and (crops[0].focal, crops[0].safe) == ((0.2, 0.9), (0.1, 0.2, 0.6, 1.0))
    assert crops[1] and (crops[1].focal, crops[1].safe) == ((0.5, 0.3), None)


def test_references_by_word_name_a_picture_of_the_set(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg", "b.jpg", "two/c.jpg", "two/d.jpg")

    def references(word: str) -> list[str]:
        spec = spec_of(render={"statistics": "reference", "reference": word})
        return [Path(task.reference or "").stem for task in tasks_of(spec, tmp_path)]

    assert references("first") == ["a", "a", "a", "a"]
    assert references("first_of_folder") == ["a", "a", "c", "c"]
    assert references("asset") == ["a", "b", "c", "d"]


def test_masks_are_found_by_the_name_of_their_picture(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("sub/a.jpg")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a_logo.png").touch()
    spec = spec_of(masks={"protect": "masks/{stem}_logo.png", "feather": 3})
    (task,) = tasks_of(spec, tmp_path)
    assert task.masks.protect == str(tmp_path / "masks" / "a_logo.png")
    assert task.masks.feather_px == 3
    assert task.masks.apply is None


def test_a_mask_that_is_not_there_is_a_problem_unless_it_may_be_missing(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    with pytest.raises(BadName, match="its mask is not there"):
        tasks_of(spec_of(masks={"apply": "masks/{stem}.png"}), tmp_path)
    (task,) = tasks_of(spec_of(masks={"apply": "masks/{stem}.png", "optional": True}), tmp_path)
    assert task.masks.apply is None


def test_regions_bring_their_own_style_and_strength(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    (tmp_path / "sky.png").touch()
    style = {"name": "wave", "strength": 0.5, "regions": [{"mask": "sky.png", "mix": {"night": 2}}]}
    (task,) = tasks_of(spec_of(styles=[style]), tmp_path)
    (region,) = task.regions
    assert (region.mask, region.mix, region.strength) == (str(tmp_path / "sky.png"), {"night": 1.0}, 0.5)


@pytest.mark.parametrize("base", ["https://iiif.museum.org/3", "https://iiif.museum.org/3/"])
def test_tiles_know_the_address_they_will_be_served_at(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf, base: str
) -> None:
    pictures("sheet 1/ö.jpg")
    zipped = {"format": "iiif", "container": "zip", "suffix": "_z", "iiif_base": base}
    outputs = [{"format": "iiif", "iiif_base": base}, zipped, {"format": "iiif", "suffix": "_bare"}]
    assert [task.iiif_id for task in tasks_of(spec_of(outputs=outputs), tmp_path)] == [
        "https://iiif.museum.org/3/sheet%201/%C3%B6_wave",
        "https://iiif.museum.org/3/sheet%201/%C3%B6_wave_z",
        None,
    ]


def measured(source: str, page: int | None = None) -> Size | None:
    return None if "broken" in source else Size(1000, 500)


def planned(spec: JobSpec, base: Path, **more: object) -> PlanReport:
    return plan(spec, base=base, styles=STYLES, measure=measured, **more)  # type: ignore[arg-type]


def test_tasks_are_pictures_times_styles_times_outputs_in_a_fixed_order(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("b.jpg", "sub/a.png")
    spec = spec_of(
        styles=["wave", {"mix": {"night": 1, "dots": 3}, "strength": 0.5}],
        outputs=[{}, {"format": "webp", "size": 800, "suffix": "_web"}],
        render={"strength": 0.8, "tile": 512, "seed": 3},
    )
    tasks = list(expand(spec, base=tmp_path, styles=STYLES))
    assert [str(Path(task.target).relative_to(tmp_path.resolve())) for task in tasks] == [
        "out/b_wave.jpg",
        "out/b_dots75+night25.jpg",
        "out/sub/a_wave.png",
        "out/sub/a_dots75+night25.png",
        "out/b_wave_web.webp",
        "out/b_dots75+night25_web.webp",
        "out/sub/a_wave_web.webp",
        "out/sub/a_dots75+night25_web.webp",
    ]
    assert tasks == list(expand(spec, base=tmp_path, styles=STYLES))
    assert (tasks[0].strength, tasks[1].strength, tasks[0].tile_px) == (0.8, 0.5, 512)
    assert tasks[1].mix == {"dots": 0.75, "night": 0.25}
    assert (tasks[4].format, tasks[4].size) == (PictureFormat.WEBP, 800)
    assert len({task.item_id for task in tasks}) == 8


@pytest.mark.parametrize(
    ("source", "ext", "kind"),
    [
        ("a.JPEG", ".jpeg", PictureFormat.JPEG),
        ("a.tif", ".tif", PictureFormat.TIFF),
        ("a.gif", ".png", PictureFormat.PNG),
        ("a.avif", ".png", PictureFormat.PNG),
        ("a", ".png", PictureFormat.PNG),
    ],
)
def test_same_follows_the_suffix_and_falls_back_to_png(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf, source: str, ext: str, kind: PictureFormat
) -> None:
    pictures(source)
    (task,) = expand(spec_of(inputs=f"scans/{source}"), base=tmp_path, styles=STYLES)
    assert (Path(task.target).suffix, task.format) == (ext, kind)


def test_templates_may_use_manifest_columns(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg", "b.jpg")
    (tmp_path / "l.csv").write_text("path,client\nscans/a.jpg,A/B & Co\nscans/b.jpg,../..\n")
    spec = spec_of(inputs="l.csv", template="{column.client}/{job}_{index:03}{ext}")
    names = [task.target.split("/out/")[1] for task in expand(spec, base=tmp_path, styles=STYLES)]
    assert names == ["A_B & Co/autumn_001.jpg", "__/autumn_002.jpg"]
    with pytest.raises(PlanRefused, match="the template needs the column 'town'"):
        planned(spec_of(inputs="l.csv", template="{column.town}{ext}"), tmp_path)


def test_expanding_is_lazy(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg")
    tasks = expand(spec_of(inputs=["scans/a.jpg", "none.jpg"]), base=tmp_path, styles=STYLES)
    assert next(tasks).source.endswith("a.jpg")
    with pytest.raises(MissingInput):
        next(tasks)
