from pathlib import Path

import numpy as np
import pytest
import pyvips

from giornata.workers.color.matrix_profile import convert, from_lab, to_lab
from giornata.workers.formats.icc import Shaper, read_shaper
from giornata.workers.source import Depth
from tests.workers.pictures import built_in_profile, image, noise
from tests.workers.profiles import (
    adobe_rgb,
    eci_rgb,
    gamma,
    grey_profile,
    l_star,
    rgb_profile,
    table,
)

SPACES = {"Display P3": built_in_profile("p3"), "eciRGB v2": eci_rgb(), "Adobe RGB": adobe_rgb()}
SIXTEEN = 65_535


def shaper(data: bytes) -> Shaper:
    found = read_shaper(data)
    assert found is not None
    return found


WORKING = shaper(built_in_profile("srgb"))


def muted(*, bits: int) -> pyvips.Image:
    """Colours that every RGB space can show, none so dark that a pure power has no code for it."""
    full = noise(width=64, height=64, bits=bits).astype(float)
    calm = full.mean(2, keepdims=True) * 0.5 + full * 0.5
    return image(np.maximum(calm, 2**bits / 64).astype(np.uint8 if bits == 8 else np.uint16))


@pytest.mark.parametrize("name", SPACES)
def test_there_and_back_is_eight_of_65535_off_at_most(name: str) -> None:
    there = convert(muted(bits=16), WORKING, shaper(SPACES[name]), depth=Depth.UINT16)
    assert there is not None
    back = convert(there, shaper(SPACES[name]), WORKING, depth=Depth.UINT16)
    assert back is not None
    assert np.abs(back.numpy().astype(int) - muted(bits=16).numpy()).max() <= 8


@pytest.mark.parametrize("name", SPACES)
def test_libvips_agrees_as_far_as_its_tables_go(name: str, tmp_path: Path) -> None:
    (tmp_path / "space.icc").write_bytes(SPACES[name])
    ours = convert(muted(bits=16), WORKING, shaper(SPACES[name]), depth=Depth.UINT16)
    assert ours is not None
    theirs = muted(bits=16).icc_transform(
        str(tmp_path / "space.icc"),
        input_profile="srgb",
        intent="relative",
        black_point_compensation=True,
        depth=16,
    )
    off = np.abs(ours.numpy().astype(int) - theirs.numpy().astype(int))
    assert off.mean() < 64
    assert off.max() < 3 * 257  # their tables are that coarse


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("bits", [8, 16])
def test_greys_stay_grey_and_white_stays_white(name: str, bits: int) -> None:
    steps = np.linspace(0, 2**bits - 1, 256).astype(np.uint8 if bits == 8 else np.uint16)
    greys = image(np.ascontiguousarray(np.repeat(steps[None, :, None], 3, axis=2)))
    there = convert(greys, WORKING, shaper(SPACES[name]), depth=Depth(f"uint{bits}"))
    assert there is not None
    samples = there.numpy().astype(int)
    assert np.ptp(samples, axis=2).max() <= 1
    assert samples[0, -1].tolist() == [2**bits - 1] * 3
    assert samples[0, 0].tolist() == [0] * 3


@pytest.mark.parametrize(
    "curve", [gamma(2.2), gamma(1.0), table(l_star)], ids=["power", "linear", "lightness"]
)
def test_a_grey_profile_goes_there_and_back(curve: bytes) -> None:
    grey = shaper(grey_profile(curve))
    steps = image(np.arange(256, dtype=np.uint8)[None, :])
    working = convert(steps, grey, WORKING, depth=Depth.UINT16)
    assert working is not None
    back = convert(working, WORKING, grey, depth=Depth.UINT8)
    assert back is not None
    assert (working.bands, back.bands) == (3, 1)
    assert np.abs(back.numpy().astype(int) - steps.numpy()).max() <= 1


def test_lab_is_what_the_standard_says_and_comes_back() -> None:
    lab = to_lab(muted(bits=16), WORKING)
    white = to_lab(image(np.full((1, 1, 3), SIXTEEN, np.uint16)), WORKING)
    assert white.numpy()[0, 0] == pytest.approx([100, 0, 0], abs=1e-3)
    back = from_lab(lab, WORKING, depth=Depth.UINT16)
    assert np.abs(back.numpy().astype(int) - muted(bits=16).numpy()).max() <= 2


def test_red_of_srgb_lies_where_the_tables_of_the_trade_have_it() -> None:
    red = to_lab(image(np.array([[[255, 0, 0]]], np.uint8)), WORKING)
    assert red.numpy()[0, 0] == pytest.approx([54.29, 80.81, 69.89], abs=0.1)  # D50, Bradford


def test_primaries_without_a_space_are_refused_when_converting() -> None:
    flat = rgb_profile((0.32, 0.33, 0.27), (0.32, 0.33, 0.27), (0.32, 0.34, 0.28), gamma(2.2))
    assert convert(muted(bits=8), WORKING, shaper(flat), depth=Depth.UINT8) is None
