import numpy as np
import pytest

from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.palette import palette_only


def test_palette_only_has_the_paintings_colours_and_the_photographs_shape(
    photo: Image, painting: Image
) -> None:
    gentle = 0.4 + 0.2 * painting
    moved = palette_only(photo, gentle)
    assert moved.shape == photo.shape
    assert moved.dtype == np.float32
    assert moved.mean((0, 1)) == pytest.approx(gentle.mean((0, 1)), abs=1e-3)
    assert moved.std((0, 1)) == pytest.approx(gentle.std((0, 1)), abs=1e-3)


def test_palette_only_of_one_colour_is_that_colour(photo: Image, painting: Image) -> None:
    flat = np.full_like(photo, 0.25)
    assert palette_only(photo, flat) == pytest.approx(0.25, abs=1e-3)
    assert np.isfinite(palette_only(flat, painting)).all()
