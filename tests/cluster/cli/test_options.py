"""What flags of `render` make of a task's style."""

from pathlib import Path
from typing import Any

import pytest

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.cli.options import StyleFlags, style_fields, style_image
from giornata.jobs.spec.enums import EngineKind, TransformKind


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "c=2.jpg"):
        Path(name).write_bytes(b"not looked at")


def test_a_style_image_is_for_the_universal_engine() -> None:
    flags = StyleFlags(images=("a.jpg", "b.jpg=3"), levels=3, transform=TransformKind.WHITEN, size_px=512)
    found = style_fields(flags)
    told = found["universal"]
    assert (found["engine"], found["mix"], found["style_label"]) == (EngineKind.UNIVERSAL, {}, "a")
    assert [(Path(one.path).name, one.share) for one in told.images] == [("a.jpg", 1), ("b.jpg", 3)]
    assert (told.levels, told.structure, told.transform, told.size_px) == (3, None, "whiten", 512)
    assert all(told.stamps)
    assert found["engine_version"]


@pytest.mark.parametrize(
    "more",
    [
        {"steps": 3},
        {"encoder": "compact"},
        {"optimise": {"alpha": None, "beta": 2.0}},
        {"engine": EngineKind.OPTIMIZATION},
    ],
)
def test_flags_of_an_optimisation_ask_for_one(more: dict[str, Any]) -> None:
    found = style_fields(StyleFlags(images=("a.jpg",), **more))
    assert found["engine"] is EngineKind.OPTIMIZATION
    assert found["optimise"].images[0].path.endswith("/a.jpg")


def test_a_picture_given_as_style_is_optimised_when_that_is_asked_for() -> None:
    found = style_fields(StyleFlags(style="a.jpg", engine=EngineKind.OPTIMIZATION, steps=3))
    assert found["optimise"].images[0].path.endswith("/a.jpg")


def test_a_name_is_of_the_engine_of_its_card() -> None:
    found = style_fields(StyleFlags(style="udnie=1,great-wave=3"))
    assert found["engine"] is EngineKind.FEEDFORWARD
    assert found["mix"] == {"udnie": 0.25, "great-wave": 0.75}
    assert found["universal"] is None


def test_a_share_is_what_follows_the_last_equals_sign_of_no_file() -> None:
    assert style_image("c=2.jpg").share == 1
    assert style_image("a.jpg=0.5").share == 0.5
    with pytest.raises(CommandRefused, match="share above 0"):
        style_image("a.jpg=0")


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (StyleFlags(), Exit.USAGE),
        (StyleFlags(style="udnie", images=("a.jpg",)), Exit.USAGE),
        (StyleFlags(style="udnie", levels=3), Exit.USAGE),
        (StyleFlags(style="udnie", size_px=512), Exit.USAGE),
        (StyleFlags(style="udnie", engine=EngineKind.UNIVERSAL), Exit.REJECTED),
        (StyleFlags(images=("a.jpg",), engine=EngineKind.FEEDFORWARD), Exit.USAGE),
        (StyleFlags(images=("a.jpg",), engine=EngineKind.UNIVERSAL, steps=3), Exit.USAGE),
        (StyleFlags(images=("a.jpg",), structure=0.5, steps=3), Exit.USAGE),
        (StyleFlags(images=("nobody.jpg",)), Exit.REJECTED),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags: StyleFlags, code: Exit) -> None:
    with pytest.raises(CommandRefused) as caught:
        style_fields(flags)
    assert caught.value.args[1] == code
