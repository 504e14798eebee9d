"""One command lays out what the optimisation makes of pictures and what its knobs do."""

import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.cluster.cli.style_sheets import BETAS, LAYERS, GridOptions, painted_styles


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("chelsea", "coffee"):
        Image.fromarray(getattr(skimage.data, name)()).resize((64, 64)).save(f"{name}.png")
    return tmp_path


@pytest.mark.slow
def test_two_sheets_come_of_a_picture_and_a_style(folder: Path) -> None:
    words = ["--content", "chelsea.png", "--style-image", "coffee.png", "--steps", "1", "--cell", "64"]
    command = [sys.executable, "-m", "giornata.cluster.cli.main", "styles", "grid", "-o", "sheets", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == Exit.DONE, done.stderr
    assert done.stdout.split() == ["sheets/grid.jpg", "sheets/layers.jpg"]
    gap, lines = 16, 28
    with Image.open("sheets/grid.jpg") as sheet:
        assert sheet.width == gap + 2 * (64 + gap)
    with Image.open("sheets/layers.jpg") as sheet:
        assert sheet.size == (gap + len(BETAS) * (64 + gap), gap + len(LAYERS) * (64 + gap + lines))


@pytest.mark.slow
def test_sample_styles_are_painted_here_and_square(folder: Path) -> None:
    for path in painted_styles(folder, GridOptions(side_px=64)):
        with Image.open(path) as made:
            assert made.size == (64, 64)


def test_a_picture_that_is_not_there_is_told_before_anything_is_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["styles", "grid", "-o", "sheets", "--content", "nobody.png"]) == Exit.REJECTED
    assert "nobody.png: no such file" in capsys.readouterr().err
    assert not Path("sheets").exists()
