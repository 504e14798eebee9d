import json
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadSpec
from giornata.jobs.spec.enums import EngineKind, OnExisting, PictureFormat, Statistics
from giornata.jobs.spec.loader import load_spec, parse_spec

FOUR_LINES = """\
name: autumn
inputs: ["scans/**/*.tif", "s3://bucket/set/"]
styles: [great-wave, {image: seurat.jpg, engine: optimization, steps: 300}]
destination: out/
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "campaign.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def complaint(path: Path) -> str:
    with pytest.raises(BadSpec) as caught:
        load_spec(path)
    return str(caught.value).replace(str(path), path.name)


def test_the_smallest_spec_is_four_lines(written: Callable[..., Path]) -> None:
    spec = load_spec(written(FOUR_LINES))
    assert [entry.path for entry in spec.inputs] == ["scans/**/*.tif", "s3://bucket/set/"]
    assert spec.styles[0].weights == {"great-wave": 1.0}
    assert spec.styles[1].resolved_engine is EngineKind.OPTIMIZATION
    assert spec.outputs[0].format is PictureFormat.SAME
    assert (spec.render.strength, spec.render.statistics) == (1.0, Statistics.EXACT)
    assert spec.policy.on_existing is OnExisting.SKIP


def test_json_with_tabs_is_read_as_well(written: Callable[..., Path]) -> None:
    plain = {"name": "a", "inputs": "x", "styles": "wave", "destination": "out"}
    spec = load_spec(written(json.dumps(plain, indent="\t"), "a.json"))
    assert spec == parse_spec(plain, origin="here")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("render: {strength: 1.4}", "line 5, render.strength: got 1.4, needed a number from 0 to 1"),
        (
            "render:\n  seed: 1\n  strength: .nan",
            "line 7, render.strength: got nan, needed a number from 0 to 1",
        ),
        (
            "render: {statistics: exct}",
            "line 5, render.statistics: got 'exct', needed one of: exact, thumbnail, reference",
        ),
        (
            "render: {tile: 100}",
            "line 5, render.tile: got 100, needed a multiple of 16 from 64 to 2048 (px of core)",
        ),
        ("policy: {max_failed: 110%}", "got '110%', needed a whole number from 0 or a share such as \"10%\""),
        (
            "policy: {timeout_s: soon}",
            "line 5, policy.timeout_s: got 'soon', needed a number of seconds above 0",
        ),
        (
            "outputs: [{size: big}]",
            "outputs[0].size: got 'big', needed the long side in px, or [width, height]",
        ),
        (
            "outputs:\n- format: png\n- format: jpg",
            "line 7, outputs[1].format: got 'jpg', needed one of: same,",
        ),
        ("template: '{stemm}{ext}'", "line 5, template: unknown field {stemm}, known fields: stem, name,"),
        ("template: '../{stem}{ext}'", "needed a path that stays in the destination"),
        ("template: '{stem}'", "needed a name that ends in {ext}"),
        ("template: '{column.client}{ext}'", "{column.<name>} needs a manifest among the inputs"),
        ("template: '{width}{ext}'", "{width} and {height} need a size of [width, height] in every output"),
        ("template: '{stem}{ext}'\noutputs: {suffix: _web}", "an output has a suffix, needed {suffix}"),
        ("render: {statistics: reference}", "reference goes with statistics: reference"),
        ("render: {reference: a.jpg}", "reference goes with statistics: reference"),
        ("version: 2", "line 5, version: got 2, needed 1"),
        ("name: other", "line 5: the key 'name' stands there twice"),
    ],
)
def test_a_mistake_is_told_with_line_field_and_what_was_needed(
    written: Callable[..., Path], text: str, expected: str
) -> None:
    words = complaint(written(FOUR_LINES + text))
    assert words.startswith("reading campaign.yaml")
    assert expected in words
    assert "\n" not in words


def test_an_unknown_key_is_answered_with_the_nearest_one(written: Callable[..., Path]) -> None:
    words = complaint(written(FOUR_LINES + "render:\n  strenght: 1"))
    assert (
        "line 6, render.strenght: unknown key; did you mean 'strength'? known keys: strength, blend" in words
    )


def test_a_missing_key_is_named(written: Callable[..., Path]) -> None:
    assert "destination: got nothing, needed a folder" in complaint(written(FOUR_LINES.rsplit("dest", 1)[0]))


def test_several_mistakes_come_in_the_order_of_their_lines(written: Callable[..., Path]) -> None:
    words = complaint(
        written(FOUR_LINES.replace("out/", "7") + "render: {seed: -1}\noutpust: 3")
    ).splitlines()
    assert [line.split(",")[0].split()[-1] for line in words] == ["4", "5", "6"]


@pytest.mark.parametrize(
    "text", ["", "- a", "name: [", "&a [*a]", "a: 2026-13-40", "a: !!python/name:os.system"]
)
def test_what_is_no_spec_is_refused_in_one_line(written: Callable[..., Path], text: str) -> None:
    assert "\n" not in complaint(written(text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.yaml") == "reading none.yaml: No such file or directory"


def test_aliases_that_multiply_are_harmless(written: Callable[..., Path]) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    assert "unknown key" in complaint(written(f"a0: &a0 [x]\n{levels}"))
