from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadName, BadSpec
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.campaign import FormatSpec
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


def test_excluded_combinations_are_not_made(tmp_path: Path, pictures: Pictures, spec_of: SpecOf) -> None:
    pictures("logo.jpg", "photo.jpg")
    spec = spec_of(
        styles=["wave", "night"],
        formats=["1:1", "9:16"],
        excludes=[{"style": "night", "ratio": "9:16"}, {"stem": "logo*"}],
    )
    assert names(spec, tmp_path) == ["photo_wave_1x1.jpg", "photo_night_1x1.jpg", "photo_wave_9x16.jpg"]


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
