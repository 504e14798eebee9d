from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips

from giornata.workers.decoding.sandbox import Sandbox
from tests.workers.pictures import image, photo, upright, with_orientation

Samples = npt.NDArray[Any]


def read(sandbox: Sandbox, path: Path, *, short_px: int = 48) -> Samples:
    """The picture at `path` as it would be learnt."""
    target = path.with_suffix(".npy")
    sandbox.style_image(path, target, short_px=short_px)
    made: Samples = np.load(target)
    return made


def test_the_short_side_is_reduced_and_never_enlarged(sandbox: Sandbox, tmp_path: Path) -> None:
    image(photo(width=96, height=64)).pngsave(tmp_path / "a.png")
    assert read(sandbox, tmp_path / "a.png", short_px=32).shape == (32, 48, 3)
    assert np.array_equal(read(sandbox, tmp_path / "a.png", short_px=300), photo(width=96, height=64))


@pytest.mark.parametrize("orientation", [3, 6])
def test_it_is_upright(sandbox: Sandbox, tmp_path: Path, orientation: int) -> None:
    stored = photo(width=96, height=64)
    with_orientation(image(stored), orientation).tiffsave(tmp_path / "a.tif")
    assert np.array_equal(read(sandbox, tmp_path / "a.tif", short_px=64), upright(stored, orientation))


def test_transparent_pixels_are_white_in_any_depth(sandbox: Sandbox, tmp_path: Path) -> None:
    alpha = np.full((64, 96, 1), 255, np.uint8)
    alpha[:32] = 0
    eight = np.concatenate([photo(), alpha], 2)
    image(eight).pngsave(tmp_path / "8.png")
    image(eight.astype(np.uint16) * 257, interpretation="rgb16").pngsave(tmp_path / "16.png")
    for name, dtype, most in (("8.png", np.uint8, 255), ("16.png", np.uint16, 65_535)):
        made = read(sandbox, tmp_path / name, short_px=64)
        assert made.dtype == dtype
        assert (made[:32] == most).all()
        assert np.abs(made[32:] / most - photo()[32:] / 255).max() < 0.005


def test_thirty_thousand_pixels_wide_is_read_reduced(sandbox: Sandbox, tmp_path: Path) -> None:
    wide = pyvips.Image.gaussnoise(30_000, 400, sigma=40, mean=128).cast("uchar")
    wide.bandjoin([wide, wide]).copy(interpretation="srgb").tiffsave(tmp_path / "wide.tif")
    assert read(sandbox, tmp_path / "wide.tif", short_px=32).shape == (32, 2400, 3)
    thread = pyvips.Image.gaussnoise(30_000, 1, sigma=40, mean=128).cast("uchar")
    thread.bandjoin([thread, thread]).copy(interpretation="srgb").pngsave(tmp_path / "thread.png")
    assert read(sandbox, tmp_path / "thread.png").shape == (1, 30_000, 3)
