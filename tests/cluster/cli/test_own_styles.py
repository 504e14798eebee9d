"""`styles add` and `styles rm`: a style of one's own from any picture, in the user's library."""

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.jobs.spec.enums import EngineKind
from giornata.styles.library import load_card


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; beside it a painting, a photograph, and pictures that are no style."""
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(skimage.data.coffee()).resize((200, 134)).save("Night Café.png")
    Image.fromarray(skimage.data.chelsea()).resize((96, 64)).save("cat.png")
    Image.new("RGB", (90, 60), "navy").save("navy.png")
    Image.new("RGB", (1, 1), "navy").save("dot.png")
    Path("torn.png").write_bytes(Path("Night Café.png").read_bytes()[:20_000])
    Path("words.jpg").write_text("not a picture")
    return tmp_path / "home"


def test_a_picture_becomes_a_style_that_a_render_knows(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--artist", 'Vincent "V" van Gogh', "--year", "1888", "--levels", "4", "--json")
    assert dispatch(["styles", "add", "Night Café.png", *words]) == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "night-caf"
    assert told["engine"] == "universal"
    card = load_card(home / "styles" / "night-caf.toml")
    assert card.artwork.artist == 'Vincent "V" van Gogh'
    assert card.levels == 4
    assert (home / "styles" / "night-caf.jpg").stat().st_size > 1000
    assert dispatch(["styles", "verify"]) == Exit.DONE
    assert InstalledStyles(user_library()).engines({"night-caf": 1.0}) == {EngineKind.UNIVERSAL}

    # The same as the picture itself at the same settings, to the last bit.
    assert dispatch(["render", "cat.png", "--style", "night-caf", "-o", "a.png"]) == Exit.DONE
    image = ["--style-image", "Night Café.png", "--levels", "4"]
    assert dispatch(["render", "cat.png", *image, "-o", "b.png"]) == Exit.DONE
    assert np.array_equal(np.asarray(Image.open("a.png")), np.asarray(Image.open("b.png")))

    assert dispatch(["styles", "rm", "night-caf"]) == Exit.DONE
    assert list((home / "styles").iterdir()) == []
    assert dispatch(["render", "cat.png", "--style", "night-caf", "-o", "c.png"]) == Exit.REJECTED


def test_a_name_that_is_taken_is_replaced_only_by_force(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["styles", "add", "Night Café.png", "--name", "mine"]
    assert dispatch(add) == Exit.DONE
    version = InstalledStyles(user_library()).version({"mine": 1.0})
    assert dispatch(add) == Exit.REJECTED
    assert "needed --force" in capsys.readouterr().err
    assert dispatch([*add, "--size", "64", "--force"]) == Exit.DONE
    assert InstalledStyles(user_library()).version({"mine": 1.0}) != version
    assert len(list((home / "styles").iterdir())) == 3  # card, statistics, preview
    assert dispatch(["styles", "add", "Night Café.png", "--name", "udnie"]) == Exit.REJECTED


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ("navy.png", "navy.png: got one colour"),
        ("dot.png", "dot.png: got one colour"),
        ("torn.png", "torn.png"),
        ("words.jpg", "words.jpg"),
        ("nobody.jpg", "nobody.jpg: no such file"),
    ],
)
def test_what_is_no_style_is_told_in_one_line_and_leaves_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], picture: str, words: str
) -> None:
    assert dispatch(["styles", "add", picture, "--name", "mine"]) == Exit.REJECTED
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert "mine" not in user_library().styles
    left = list((home / "styles").glob("*")) if (home / "styles").exists() else []
    assert left == []


@pytest.mark.parametrize("name", ["Mine", "a b", "../mine", "-x", "x" * 200])
def test_a_name_is_lower_case_letters_digits_and_hyphens(home: Path, name: str) -> None:
    assert dispatch(["styles", "add", "Night Café.png", f"--name={name}"]) == Exit.USAGE


def test_styles_that_ship_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["styles", "rm", "udnie"]) == Exit.REJECTED
    assert "ships with Giornata" in capsys.readouterr().err
    assert dispatch(["styles", "rm", "nobody"]) == Exit.REJECTED
