import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.workers.encoding.encode import resize, target_size
from tests.workers.pictures import image, noise

sides = st.integers(1, 400)


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, wanted=st.one_of(st.none(), sides, st.tuples(sides, sides)))
def test_every_size_is_met_exactly(width: int, height: int, wanted: int | tuple[int, int] | None) -> None:
    size = target_size(width=width, height=height, requested=wanted)
    made = resize(image(noise(width=width, height=height)), size)
    assert (made.width, made.height) == size
    assert made.numpy().shape == (size[1], size[0], 3)


def test_the_source_size_is_no_resize_at_all() -> None:
    picture = image(noise())
    assert resize(picture, (33, 21)) is picture


def test_what_stands_over_is_cut_evenly() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert resize(image(wide), (10, 10)).numpy().min() == 255


@pytest.mark.parametrize("full", [255, 65535])
def test_colour_under_transparent_pixels_does_not_bleed(full: int) -> None:
    kind = np.uint8 if full == 255 else np.uint16
    samples = np.zeros((40, 40, 4), kind)
    samples[:, :20] = (full, 0, 0, full)
    samples[:, 20:] = (0, full, 0, 0)
    small = resize(image(samples), (20, 20)).numpy()
    visible = small[..., 3] > full // 4
    assert small.dtype == kind
    assert small[visible][:, 1].max() <= full // 50
