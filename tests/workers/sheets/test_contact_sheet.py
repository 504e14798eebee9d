from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from giornata.workers.errors import EncodeFailed
from giornata.workers.sheets.contact_sheet import PAPER, contact_sheet, thumbnail
from tests.workers.pictures import image, photo


def test_sixteen_bits_are_reduced_to_the_same_picture(tmp_path: Path) -> None:
    image(photo()).pngsave(tmp_path / "8.png")
    image(photo().astype(np.uint16) * 257).pngsave(tmp_path / "16.png")
    eight = np.asarray(thumbnail(tmp_path / "8.png", side_px=48)).astype(int)
    sixteen = np.asarray(thumbnail(tmp_path / "16.png", side_px=48)).astype(int)
    assert eight.shape == (32, 48, 3)
    assert np.abs(eight - sixteen).max() <= 2


def test_transparency_shows_the_paper(tmp_path: Path) -> None:
    image(np.zeros((8, 8, 4), np.uint8)).pngsave(tmp_path / "a.png")
    assert thumbnail(tmp_path / "a.png", side_px=8).getpixel((4, 4)) == PAPER


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_sheet_holds_every_picture_in_rows(tmp_path: Path, suffix: str) -> None:
    paths = []
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        path = tmp_path / f"{number}.png"
        image(np.full((64, 64, 3), colour, np.uint8)).pngsave(path)
        paths.append((path, f"a caption that is far too long for its cell, number {number}"))
    sheet = contact_sheet(paths, tmp_path / f"sheet{suffix}", columns=2, cell_px=64)
    with Image.open(sheet) as opened:
        seen = np.asarray(opened.convert("RGB")).astype(int)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 2)):
        middle = seen[16 + row * 108 + 32, 16 + column * 80 + 32]
        assert middle.argmax() == channel
    assert sorted(path.suffix for path in tmp_path.iterdir()) == sorted([".png"] * 3 + [suffix])


def test_an_empty_sheet_is_paper(tmp_path: Path) -> None:
    with Image.open(contact_sheet([], tmp_path / "sheet.png")) as opened:
        assert opened.getpixel((5, 5)) == PAPER


def test_a_picture_that_is_gone_is_told_and_no_sheet_is_left(tmp_path: Path) -> None:
    with pytest.raises(EncodeFailed, match=r"sheet\.jpg"):
        contact_sheet([(tmp_path / "none.png", "none")], tmp_path / "sheet.jpg")
    assert list(tmp_path.iterdir()) == []
