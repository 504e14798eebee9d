from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadName, BadSpec
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.estimate import Size, plan
from giornata.jobs.planning.task_builder import MASTERS_AT_ONCE, expand
from giornata.jobs.spec.campaign import FormatSpec
from giornata.jobs.spec.crop import CropStyling
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec, read_marked
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
Pictures = Callable[..., Path]
STYLES = StyleNames("wave", "night")


def tasks_of(spec: JobSpec, base: Path) -> list[RenderTask]:
    return list(expand(spec, base=base, styles=STYLES))


def names(spec: JobSpec, base: Path) -> list[str]:
    return [Path(task.target).name for task in tasks_of(spec, base)]


def test_formats_and_strengths_are_dimensions_beside_styles_and_outputs(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    spec = spec_of(
        styles=["wave", {"name": "night", "strength": 0.3}],
        strengths=[0.4, 0.8],
        formats=["1:1", "1200x628"],
        outputs=[{"format": "jpeg"}, {"format": "webp", "suffix": "_web"}],
    )
    assert sorted(names(spec, tmp_path)) == sorted(
        f"a_{style}_{shape}{rest}"
        for style in ("wave_0.4", "wave_0.8", "night_0.3")  # a style's own strength is its only one
        for shape in ("1x1", "1200x628")
        for rest in (".jpg", "_web.webp")
    )


def test_ratios_need_no_quotes(spec_of: SpecOf) -> None:
    text = (
        "{name: a, inputs: scans, styles: [wave], destination: out, formats: [1.91:1, 1:1, 16:9, 1200x628]}"
    )
    spec = parse_spec(read_marked(text, origin="spec").data, origin="spec")
    assert [shape.resolved_label for shape in spec.formats] == ["1.91x1", "1x1", "16x9", "1200x628"]


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


def test_excluded_combinations_are_not_made(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("logo.jpg", "photo.jpg")
    spec = spec_of(
        styles=["wave", "night"],
        formats=["1:1", "9:16"],
        excludes=[{"style": "night", "ratio": "9:16"}, {"stem": "logo*"}],
    )
    assert names(spec, tmp_path) == ["photo_wave_1x1.jpg", "photo_night_1x1.jpg", "photo_wave_9x16.jpg"]


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


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("1.2,0,,,,", "got '1.2' in its column focal_x, needed a number from 0 to 1"),
        ("0.5,,,,,", "got '' in its column focal_y"),
        (",,0.8,0,0.2,1", "needed left before right"),
    ],
)
def test_a_place_that_is_none_is_the_pictures_own_problem(
    tmp_path: Path, spec_of: SpecOf, cells: str, words: str
) -> None:
    header = "path,focal_x,focal_y,safe_left,safe_top,safe_right,safe_bottom"
    (tmp_path / "list.csv").write_text(f"{header}\na.jpg,{cells}\n")
    with pytest.raises(BadName, match=words):
        tasks_of(spec_of(inputs="list.csv", formats="1:1"), tmp_path)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"formats": ["wide"]}, "got 'wide', needed a ratio such as"),
        ({"formats": ["0:1"]}, "needed a ratio such as"),
        ({"formats": [{"ratio": "1:1", "size": [3, 3]}]}, "needed either ratio or size"),
        (
            {"formats": ["1:1", "4:5"], "template": "{stem}{ext}"},
            r"several values of ratio, needed \{ratio\}",
        ),
        ({"strengths": [0.4, 0.8], "template": "{stem}{ext}"}, r"needed \{strength\}"),
        ({"formats": "1:1", "outputs": {"size": [3, 3]}}, "with formats a size is the long side"),
        ({"formats": "3x3", "outputs": {"size": 3}}, "formats that have one of their own"),
        ({"excludes": {}}, "needed at least one key"),
        ({"crop": {"safe": [0.5, 0, 0.5, 1]}}, "needed left before right"),
        (
            {"formats": "1:1", "crop": {"styling": "each"}, "masks": {"protect": "m.png"}},
            "masks go with styling: once",
        ),
        ({"template": "{ration}{ext}"}, r"unknown field \{ration\}"),
    ],
)
def test_what_cannot_be_meant_is_refused(spec_of: SpecOf, more: dict[str, object], words: str) -> None:
    with pytest.raises(BadSpec, match=words):
        spec_of(**more)


def test_sizes_go_into_names(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("a.jpg")
    spec = spec_of(formats=["1200x628", "300x300"], template="{stem}_{width}x{height}{ext}")
    assert names(spec, tmp_path) == ["a_1200x628.jpg", "a_300x300.jpg"]
    assert FormatSpec(ratio="9:16", label="story").resolved_label == "story"


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


def test_a_plan_counts_styled_pictures_once_and_says_what_is_enlarged(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg", "b.jpg")
    spec = spec_of(
        formats=["1:1", "400x800"], outputs={"size": None}, price={"per_hour": 3.6, "currency": "EUR"}
    )

    def planned(spec: JobSpec) -> tuple[int, int, int, float, float | None]:
        found = plan(
            spec,
            base=tmp_path,
            styles=STYLES,
            measure=lambda *_: Size(1000, 500),
            cost=lambda _, size: size.width * size.height / 5e5,
        )
        return found.items, found.masters, found.pixels, found.enlarged, found.price

    assert planned(spec) == (4, 2, 1_000_000, 2, pytest.approx(0.002))
    small = spec_of(formats=["100x100", "100x50"])
    assert planned(small)[:3] == (4, 2, 2 * 200 * 100)


def test_styling_each_crop_is_counted_crop_by_crop(
    tmp_path: Path, pictures: Pictures, spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    spec = spec_of(formats=["1:1", "1:2"], crop={"styling": CropStyling.EACH})
    report = plan(spec, base=tmp_path, styles=STYLES, measure=lambda *_: Size(1000, 500))
    assert (report.masters, report.pixels) == (2, 500 * 500 + 250 * 500)
