from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.workers.pictures import (
    Samples,
    built_in_profile,
    image,
    noise,
    with_profile,
)

Decode = Callable[[Path], tuple[Samples, Samples | None]]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_srgb_samples_pass_untouched_at_their_depth(
    decode: Decode, tmp_path: Path, bits: int, suffix: str
) -> None:
    samples = noise(bits=bits)
    image(samples).write_to_file(tmp_path / f"a.{suffix}")
    pixels, alpha = decode(tmp_path / f"a.{suffix}")
    assert np.array_equal(pixels, samples)
    assert alpha is None


@pytest.mark.parametrize("bits", [8, 16])
def test_a_source_tagged_srgb_passes_untouched(decode: Decode, tmp_path: Path, bits: int) -> None:
    samples = noise(bits=bits)
    with_profile(image(samples), built_in_profile("srgb")).pngsave(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png")[0], samples)


def test_a_profile_is_converted_and_sixteen_bits_stay(decode: Decode, tmp_path: Path) -> None:
    grey = np.full((8, 8, 3), 30_000, np.uint16)
    wide = np.zeros((8, 8, 3), np.uint16) + np.array([50_000, 20_000, 20_000], np.uint16)
    for name, samples in (("grey", grey), ("wide", wide)):
        with_profile(image(samples), built_in_profile("p3")).pngsave(tmp_path / f"{name}.png")
    assert np.abs(decode(tmp_path / "grey.png")[0].astype(int) - 30_000).max() < 64
    red = decode(tmp_path / "wide.png")[0][0, 0]
    assert red.dtype == np.uint16
    assert red[0] > 50_400  # the same red needs more in the smaller space
    assert red[1] < 20_000


@pytest.mark.parametrize("tagged", [False, True], ids=["bare", "with a profile"])
def test_cmyk_becomes_rgb(decode: Decode, tmp_path: Path, tagged: bool) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:, 8:, 1:3] = 255  # magenta and yellow make red
    press = image(inks, interpretation="cmyk")
    press = with_profile(press, built_in_profile("cmyk")) if tagged else press
    press.tiffsave(tmp_path / "a.tif")
    pixels, alpha = decode(tmp_path / "a.tif")
    assert alpha is None
    assert pixels.dtype == np.uint16  # so that the way back loses nothing
    assert pixels[0, 0].min() > 240 * 257
    assert pixels[0, 15, 0] > 200 * 257
    assert pixels[0, 15, 1:].max() < 80 * 257


def test_associated_alpha_is_undone(decode: Decode, tmp_path: Path) -> None:
    half = np.dstack([np.full((4, 4, 3), 100, np.uint8), np.full((4, 4), 128, np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", half, photometric="rgb", extrasamples=["assocalpha"])
    pixels, alpha = decode(tmp_path / "a.tif")
    assert pixels[0, 0].tolist() == [199, 199, 199]
    assert alpha is not None
    assert alpha[0, 0] == 128
