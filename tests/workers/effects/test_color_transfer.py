"""Colours come back as the methods say, from statistics that nothing but the pictures decides."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.jobs.spec.enums import PreserveColour
from giornata.workers.effects.color_transfer import ColourSums, Root, histograms, match_colours, recolouring
from giornata.workers.errors import EffectRefused
from giornata.workers.tiling import arrays as bands
from giornata.workers.tiling.arrays import to_float

Samples = npt.NDArray[Any]
HOWS = [PreserveColour.LUMINANCE, PreserveColour.HISTOGRAM, PreserveColour.COVARIANCE]


def photo() -> Samples:
    return np.ascontiguousarray(skimage.data.astronaut()[40:200, 100:300])


def painted() -> Samples:
    """A styled picture of `photo`: same size, other colours, 16 bits."""
    other = skimage.data.coffee()[100:260, 200:400].astype(np.float32) / 255
    mixed = 0.5 * other + 0.5 * (photo()[:, :, ::-1].astype(np.float32) / 255) ** 1.5
    return np.rint(mixed * 65535).astype(np.uint16)


def luma(rows: Samples) -> Samples:
    """CIE Y of sRGB 0..1, by its definition in float64."""
    wide = rows.astype(np.float64)
    linear = np.where(wide <= 0.04045, wide / 12.92, ((wide + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126729, 0.7151522, 0.0721750])


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("root", Root)
def test_a_picture_with_its_own_colours_stays_as_it_is(how: PreserveColour, root: Root) -> None:
    for picture in (photo(), painted(), to_float(painted())):
        same = match_colours(picture, picture, how, root=root)
        assert same.dtype == np.float32
        assert np.abs(same - to_float(picture)).max() < (2e-3 if root is Root.CHOLESKY else 1e-4)


@pytest.mark.parametrize("how", [*HOWS, PreserveColour.NONE])
def test_results_do_not_depend_on_how_many_rows_are_read_at_once(
    how: PreserveColour, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = match_colours(painted(), photo(), how)
    monkeypatch.setattr(bands, "BAND_PX", 700)
    assert np.array_equal(match_colours(painted(), photo(), how), at_once)


@pytest.mark.parametrize("how", HOWS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 9), width=st.integers(1, 9), flat=st.booleans())
def test_any_picture_gives_numbers_from_nought_to_one(
    how: PreserveColour, seed: int, height: int, width: int, flat: bool
) -> None:
    random = np.random.default_rng(seed)
    styled = random.integers(0, 65536, (height, width, 3)).astype(np.uint16)
    source = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    if flat:
        styled[:] = styled[0, 0]
    for a, b in ((styled, source), (source, styled)):
        made = match_colours(a, b, how)
        assert np.isfinite(made).all()
        assert made.min() >= 0
        assert made.max() <= 1


@pytest.mark.parametrize("how", [PreserveColour.LUMINANCE, PreserveColour.COVARIANCE])
def test_a_grey_source_makes_grey_results(how: PreserveColour) -> None:
    grey = np.repeat(photo()[:, :, 1:2], 3, axis=2)
    made = match_colours(painted(), grey, how)
    spread = np.ptp(made, axis=2).max()
    assert spread == 0 if how is PreserveColour.LUMINANCE else spread < 0.02


def test_luminance_keeps_the_styles_light_and_the_sources_hue() -> None:
    # Muted colours: none leaves the gamut, so that nothing is clipped.
    styled = 0.35 + 0.3 * to_float(painted())
    source = 0.4 + 0.2 * to_float(photo())
    made = match_colours(styled, source, PreserveColour.LUMINANCE)
    assert np.abs(luma(made) - luma(styled)).max() < 1e-5
    red_over_green = (made[:, :, 0] > made[:, :, 1]) == (source[:, :, 0] > source[:, :, 1])
    assert red_over_green.mean() > 0.97


def test_luminance_of_two_sizes_is_refused_in_a_sentence() -> None:
    with pytest.raises(EffectRefused, match="200×160 and 100×160 px, needed two pictures of one size"):
        match_colours(painted(), photo()[:, :100], PreserveColour.LUMINANCE)


def test_histogram_gives_every_channel_the_sources_distribution() -> None:
    made = match_colours(painted(), photo(), PreserveColour.HISTOGRAM)
    shares = np.linspace(0.02, 0.98, 49)
    for channel in range(3):
        got = np.quantile(made[:, :, channel], shares)
        wanted = np.quantile(to_float(photo())[:, :, channel], shares)
        assert np.abs(got - wanted).max() < 1.5 / 255


def test_histogram_of_an_eight_bit_source_leaves_no_bands_in_sixteen_bits() -> None:
    ramp = np.linspace(2000, 63000, 60_000).astype(np.uint16)
    styled = np.broadcast_to(ramp[None, :, None], (2, 60_000, 3))
    steps = np.broadcast_to(
        (np.arange(60_000) * 200 // 60_000 + 20).astype(np.uint8)[None, :, None], (2, 60_000, 3)
    )
    made = match_colours(styled, steps, PreserveColour.HISTOGRAM)[0, :, 0]
    assert np.diff(made).min() >= 0
    assert np.diff(made).max() < 0.1 / 255


@pytest.mark.parametrize("root", Root)
def test_covariance_gives_the_sources_mean_and_covariance(root: Root) -> None:
    styled, source = 0.3 + 0.2 * to_float(painted()), 0.4 + 0.2 * to_float(photo())
    made = ColourSums.of(match_colours(styled, source, PreserveColour.COVARIANCE, root=root))
    wanted = ColourSums.of(source)
    assert np.abs(made.mean - wanted.mean).max() < 1e-4
    assert np.abs(made.covariance - wanted.covariance).max() < 1e-4


def test_sums_are_those_of_numpy() -> None:
    sums = ColourSums.of(painted())
    flat = painted().reshape(-1, 3).astype(np.float64) / 65535
    assert np.allclose(sums.mean, flat.mean(axis=0), rtol=1e-12)
    assert np.allclose(sums.covariance, np.cov(flat.T, bias=True), rtol=1e-9)
    assert histograms(painted()).sum() == painted().size


def test_the_same_code_matches_a_style_picture_to_a_content_picture_of_another_size() -> None:
    style, content = skimage.data.chelsea(), photo()
    for how in (PreserveColour.HISTOGRAM, PreserveColour.COVARIANCE):
        made = match_colours(style, content, how)
        assert made.shape == style.shape
        assert np.abs(made.mean(axis=(0, 1)) - to_float(content).mean(axis=(0, 1))).max() < 0.03


def test_statistics_of_the_whole_picture_serve_any_part_of_it() -> None:
    for how in HOWS:
        recolour = recolouring(painted(), photo(), how)
        part = recolour(to_float(painted()[20:30]), to_float(photo()[20:30]))
        assert np.array_equal(part, match_colours(painted(), photo(), how)[20:30])
