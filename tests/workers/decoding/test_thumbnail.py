"""Thumbnails are made in the decoding process, from every kind of picture, and are what a viewer shows."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.decoding.thumbnail import PAPER
from giornata.workers.errors import Rejected, ScratchFull
from giornata.workers.source import RejectCode
from tests.workers import hostile
from tests.workers.pictures import (
    Samples,
    built_in_profile,
    encoded,
    image,
    photo,
    upright,
    with_orientation,
    with_profile,
    written,
)


def small(sandbox: Sandbox, path: Path, *, side_px: int = 48) -> Samples:
    """The thumbnail of the picture at `path`: uint8, H x W x 3."""
    target = path.with_name("small.jpg")
    sandbox.thumbnail(path, target, side_px=side_px)
    with Image.open(target) as opened:
        assert (opened.format, opened.mode) == ("JPEG", "RGB")
        return np.asarray(opened)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "gif"])
def test_every_format_fits_the_square(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    seen = small(sandbox, written(tmp_path / "picture", encoded(kind)))
    assert seen.shape == (36, 48, 3)


def test_a_small_picture_is_not_enlarged(sandbox: Sandbox, tmp_path: Path) -> None:
    image(photo(width=20, height=10)).pngsave(tmp_path / "a.png")
    assert small(sandbox, tmp_path / "a.png").shape == (10, 20, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_as_a_viewer_shows_the_picture(sandbox: Sandbox, tmp_path: Path, orientation: int) -> None:
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :24] = (220, 40, 40)
    stored[16:, 24:] = (40, 40, 220)
    with_orientation(image(stored), orientation).tiffsave(tmp_path / "a.tif")
    wanted = upright(stored, orientation).astype(int)
    assert np.abs(small(sandbox, tmp_path / "a.tif").astype(int) - wanted).mean() < 6


def test_sixteen_bits_profiles_and_grey_keep_their_look(sandbox: Sandbox, tmp_path: Path) -> None:
    plain = image(photo())
    plain.pngsave(tmp_path / "8.png")
    image(photo().astype(np.uint16) * 257).pngsave(tmp_path / "16.png")
    wide = with_profile(plain, built_in_profile("srgb")).icc_transform("p3")
    wide.pngsave(tmp_path / "p3.png")
    eight = small(sandbox, tmp_path / "8.png").astype(int)
    for name in ("16.png", "p3.png"):
        assert np.abs(small(sandbox, tmp_path / name).astype(int) - eight).mean() < 3
    image(photo()[:, :, 0].copy()).pngsave(tmp_path / "grey.png")
    grey = small(sandbox, tmp_path / "grey.png").astype(int)
    assert np.ptp(grey, axis=2).max() <= 2


def test_transparency_shows_the_paper(sandbox: Sandbox, tmp_path: Path) -> None:
    image(np.zeros((8, 8, 4), np.uint8)).pngsave(tmp_path / "a.png")
    assert np.abs(small(sandbox, tmp_path / "a.png").astype(int) - PAPER).max() <= 2


def test_a_broken_file_is_refused_and_nothing_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    torn = written(tmp_path / "a.jpg", encoded("jpeg")[:2000])
    page = written(tmp_path / "b.png", b"<html>not found</html>")
    for path in (torn, page):
        with pytest.raises(Rejected):
            sandbox.thumbnail(path, tmp_path / "small.jpg", side_px=48)
    with pytest.raises(Rejected) as missing:
        sandbox.thumbnail(tmp_path / "none.png", tmp_path / "small.jpg", side_px=48)
    assert missing.value.args[1] is RejectCode.MISSING
    assert not (tmp_path / "small.jpg").exists()


def test_a_thumbnail_that_cannot_be_written_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    picture = written(tmp_path / "a.png", encoded("png"))
    with pytest.raises(ScratchFull):
        sandbox.thumbnail(picture, tmp_path / "none" / "small.jpg", side_px=48)


def test_of_several_frames_the_first_is_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    seen = small(sandbox, written(tmp_path / "a.gif", hostile.animation("gif")))
    assert seen.shape == (48, 30, 3)


def test_lab_is_shown_in_its_colours(sandbox: Sandbox, tmp_path: Path) -> None:
    samples = np.zeros((60, 60, 3), np.uint8) + np.array([138, 81, 70], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="cielab")
    assert np.abs(small(sandbox, tmp_path / "a.tif")[20, 20] - np.array([255, 0, 0])).max() < 12
