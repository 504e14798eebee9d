"""Resampling keeps registration, constants and smooth pictures, and never depends on bands."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.workers.effects import crop as resample
from giornata.workers.effects.crop import Kernel, Resampler
from giornata.workers.tiling.arrays import to_float


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    wanted=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel=st.sampled_from(Kernel),
)
def test_a_flat_picture_stays_flat_at_any_size(
    size: tuple[int, int], wanted: tuple[int, int], kernel: Kernel
) -> None:
    made = Resampler(size, wanted, kernel).whole(np.full((*size, 3), 0.3, np.float32))
    assert made.shape == (*wanted, 3)
    assert np.abs(made - 0.3).max() < 1e-5


@pytest.mark.parametrize("kernel", Kernel)
def test_the_same_size_is_the_same_picture_to_a_blur_at_most(kernel: Kernel) -> None:
    picture = skimage.data.astronaut()[:60, :90]
    same = Resampler((60, 90), (60, 90), kernel).whole(picture)
    limit = 0.5 if kernel is Kernel.MITCHELL else 1e-6  # Mitchell softens by design
    assert np.abs(same - to_float(picture)).max() <= limit


@pytest.mark.parametrize("wanted", [(30, 41), (160, 230)])
def test_bands_give_the_rows_of_the_whole(wanted: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = skimage.data.astronaut()[:100, :140]
    resampler = Resampler((100, 140), wanted, Kernel.LANCZOS)
    whole = resampler.whole(picture)
    monkeypatch.setattr(resample, "WORK_PX", 1500)
    pieces = [resampler.rows(picture, band) for band in resampler.bands()]
    assert len(pieces) > 3
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("wanted", [37, 250, 1000])
def test_a_slope_stays_where_it_is(wanted: int) -> None:
    x = (np.arange(250) + 0.5) / 250
    picture = np.broadcast_to(x.astype(np.float32), (8, 250))
    made = Resampler((8, 250), (8, wanted), Kernel.MITCHELL).whole(picture)[4]
    inner = slice(wanted // 10, -wanted // 10)
    assert np.abs(made - (np.arange(wanted) + 0.5) / wanted)[inner].max() < 1e-4


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (64, 128))
    made = Resampler((64, 256), (16, 64), Kernel.LANCZOS).whole(stripes)
    assert np.ptp(made[:, 8:-8]) < 0.02


def test_one_channel_is_resampled_like_three() -> None:
    picture = skimage.data.astronaut()[:50, :60]
    resampler = Resampler((50, 60), (31, 75), Kernel.TRIANGLE)
    assert np.array_equal(resampler.whole(picture[:, :, 1]), resampler.whole(picture)[:, :, 1])
