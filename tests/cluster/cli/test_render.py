"""`giornata render` never writes over a file that came while it was at work."""

import json
from pathlib import Path

import pytest
import pyvips

from giornata.cluster.cli.exits import Exit
from tests.cluster.cli.shell import giornata


def test_render_makes_a_picture_of_the_same_size_and_never_overwrites(home: Path) -> None:
    words = ("render", "cat.png", "--style", "great-wave=1,udnie=3", "--strength", "0.8", "-o", "out.jpg")
    done = giornata(*words, "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["width"], result["height"]) == (451, 300)
    made = pyvips.Image.new_from_file(str(home / "out.jpg"))
    assert (made.width, made.height) == (451, 300)
    again = giornata(*words, cwd=home)
    assert again.returncode == Exit.REJECTED
    assert "--force" in again.stderr
    assert giornata(*words, "--force", cwd=home).returncode == 0
    over = giornata("render", "cat.png", "--style", "udnie", "--force", "-o", "cat.png", cwd=home)
    assert over.returncode == Exit.REJECTED
    assert sorted(path.name for path in home.iterdir()) == [
        "cat.png",
        "home",
        "out.jpg",
        "out.jpg.provenance.json",
    ]


def test_tiles_do_not_change_a_render(home: Path) -> None:
    for name, tile in (("tiled.png", "128"), ("whole.png", "2048")):
        words = ("render", "cat.png", "--style", "starry-night", "--tile", tile, "-o", name)
        assert giornata(*words, cwd=home).returncode == 0
    tiled, whole = (pyvips.Image.new_from_file(str(home / n)).numpy() for n in ("tiled.png", "whole.png"))
    assert abs(tiled.astype(int) - whole.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--style", "nobody"), Exit.REJECTED),
        (("--style", "udnie", "--engine", "optimization"), Exit.REJECTED),
        (("--style", "udnie", "--style-image", "cat.png"), Exit.USAGE),
        (("--style", "udnie", "--steps", "9"), Exit.USAGE),
        (("--style-image", "cat.png", "--alpha", "0", "--beta", "0"), Exit.REJECTED),
        (("--style-image", "cat.png", "--encoder", "vgg99"), Exit.REJECTED),
        (("--style", "udnie", "--strength", "1.5"), Exit.USAGE),
        (("--style", "udnie", "--statistics", "reference"), Exit.USAGE),
    ],
    ids=[
        "an unknown style",
        "a style that is no picture",
        "a style and a picture",
        "steps for a network",
        "nothing to minimise",
        "no such encoder",
        "a strength above one",
        "no reference",
    ],
)
def test_what_cannot_be_rendered_is_refused(home: Path, words: tuple[str, ...], code: Exit) -> None:
    done = giornata("render", "cat.png", *words, "-o", "out.png", cwd=home)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "out.png").exists()


def test_a_broken_picture_fails_with_its_reason(home: Path) -> None:
    (home / "page.jpg").write_text("<html><body>404</body></html>")
    done = giornata("render", "page.jpg", "--style", "udnie", "-o", "out.png", cwd=home)
    assert done.returncode == Exit.FAILED
    assert "<html>" in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("giornata:")]) == 1
