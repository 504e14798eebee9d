"""Each fault, painted on purpose, is seen by its measure and by no image without it."""

import numpy as np
import pytest

from giornata.styles.evaluation.faults import (
    HOLE_PX,
    calm_ground,
    clipped,
    dots,
    holes,
    seam_step,
    unrest,
)
from giornata.styles.evaluation.metrics import Image


def grid(image: Image, period: int, height: float = 0.1) -> Image:
    rows, columns = np.indices(image.shape[:2])
    pattern = height * np.where(((rows // (period // 2)) + (columns // (period // 2))) % 2, 1, -1)
    return np.clip(image + pattern[..., None], 0, 1).astype(np.float32)


@pytest.mark.parametrize("period", [2, 4])
def test_a_checkerboard_raises_the_dots(period: int, photo: Image) -> None:
    assert dots(photo, photo) == 1
    assert dots(photo, grid(photo, period)) > 10


def test_blur_lowers_the_dots_and_a_slow_pattern_leaves_them(photo: Image) -> None:
    blurred = (photo + np.roll(photo, 1, 0) + np.roll(photo, 1, 1) + np.roll(photo, (1, 1), (0, 1))) / 4
    assert dots(photo, blurred.astype(np.float32)) < 0.5
    assert dots(photo, grid(photo, 24, 0.05)) < 3


def bright() -> Image:
    return np.random.default_rng(1).uniform(0.3, 0.9, (96, 96, 3)).astype(np.float32)


def test_a_painted_hole_is_found_with_its_area() -> None:
    image = bright()
    output = image.copy()
    output[20:50, 30:60] = 0.01
    assert holes(image, image, output) == pytest.approx(900 / 96**2, rel=0.01)


def test_a_hole_at_the_border_is_found() -> None:
    image, output = bright(), bright()
    output[:30, :30] = 0
    assert holes(image, image, output) == pytest.approx(900 / 96**2, rel=0.01)


def test_an_outline_and_a_small_blob_are_no_holes() -> None:
    image, output = bright(), bright()
    output[40:46] = 0
    output[70 : 70 + HOLE_PX // 2, 70 : 70 + HOLE_PX // 2] = 0
    assert holes(image, image, output) == 0


def test_what_the_photograph_or_the_palette_has_black_is_no_hole() -> None:
    image, dark = bright(), bright()
    dark[20:50, 30:60] = 0.01
    assert holes(dark, image, dark) == 0
    assert holes(image, dark, dark) == 0


def test_seams_count_and_the_images_own_lines_do_not(photo: Image) -> None:
    assert seam_step(photo, photo, rows=(32, 64), columns=(48,)) == 0
    stepped = photo * np.float32(0.5)
    tiled = stepped.copy()
    tiled[32:] += np.float32(10 / 255)
    assert seam_step(stepped, tiled, rows=(32,), columns=()) == pytest.approx(10, abs=0.01)
    assert seam_step(stepped, tiled, rows=(33, 64), columns=(48,)) == pytest.approx(0, abs=0.01)
    assert seam_step(stepped, tiled, rows=(), columns=()) == 0


def test_blobs_on_calm_ground_are_unrest_and_strokes_elsewhere_are_not() -> None:
    image = np.full((96, 96, 3), 0.6, np.float32)
    image[:, 48:] = np.random.default_rng(2).uniform(0.2, 0.9, (96, 48, 3))
    assert calm_ground(image)[:, :30].all()
    assert not calm_ground(image)[:, 60:].any()
    blobs, strokes = image.copy(), image.copy()
    blobs[30:50, 10:30] = 0.3
    strokes[30:50, 64:84] = 0.3
    assert unrest(image, image) == 0
    assert unrest(image, blobs) == pytest.approx(20, abs=15)
    assert unrest(image, strokes) == pytest.approx(0, abs=0.1)


def test_a_photograph_without_calm_ground_has_no_unrest() -> None:
    noise = np.random.default_rng(3).random((96, 96, 3), np.float32)
    assert unrest(noise, noise) is None


def test_clipped_counts_samples_at_both_ends() -> None:
    image = np.full((10, 10, 3), 0.5, np.float32)
    image[0, :, 0], image[1, :, 1] = 0, 1
    assert clipped(image) == pytest.approx(20 / 300)
