"""Likeness to the photograph without networks: known values, and best for doing nothing."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.metrics import (
    MAX_PSNR_DB,
    Image,
    edge_f1,
    edges,
    luma,
    psnr_db,
    similarity,
)


def noisy(image: Image, deviation: float) -> Image:
    noise = np.random.default_rng(4).normal(0, deviation, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32)


def test_the_photograph_itself_is_as_like_as_can_be(photo: Image) -> None:
    likeness = similarity(photo, photo)
    assert (likeness.ssim, likeness.structure) == (pytest.approx(1), pytest.approx(1))
    assert edge_f1(photo, photo) == 1
    assert psnr_db(photo, photo) == MAX_PSNR_DB


def test_ssim_is_scikit_images_with_the_papers_window(photo: Image) -> None:
    other = noisy(photo, 0.1)
    _, expected = structural_similarity(
        luma(photo),
        luma(other),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert similarity(photo, other).ssim == pytest.approx(float(expected.mean()), abs=1e-3)


def test_structure_outlives_a_change_of_brightness(photo: Image) -> None:
    darker = (0.5 * photo).astype(np.float32)
    likeness = similarity(photo, darker)
    assert likeness.structure > 0.97
    assert likeness.ssim < 0.9


def test_psnr_of_a_tenth_is_twenty_decibels(photo: Image) -> None:
    grey = np.full_like(photo, 0.5)
    assert psnr_db(grey, grey + np.float32(0.1)) == pytest.approx(20, abs=1e-3)


def test_an_edge_is_found_once_and_within_tolerance_when_it_moves() -> None:
    step = np.zeros((64, 64, 3), np.float32)
    step[:, 32:] = 1
    found = edges(step)
    assert found[8:-8].any(1).all()
    assert found.sum(1).max() <= 2
    near, far = step.copy(), step.copy()
    near[:, 32:34] = 0
    far[:, 32:40] = 0
    assert edge_f1(step, near) == 1
    assert edge_f1(step, far) < 0.1


def test_edges_of_noise_are_not_those_of_the_photograph(photo: Image) -> None:
    assert edge_f1(photo, noisy(photo, 0.02)) > 0.7
    assert edge_f1(photo, noisy(np.full_like(photo, 0.5), 0.3)) < 0.6


def test_two_empty_images_have_the_same_edges() -> None:
    empty = np.full((64, 64, 3), 0.5, np.float32)
    assert edge_f1(empty, empty) == 1


@pytest.mark.parametrize("measure", [similarity, edge_f1, psnr_db])
def test_images_of_other_shapes_are_refused(measure: object, photo: Image) -> None:
    assert callable(measure)
    with pytest.raises(BadEvaluation, match="shape"):
        measure(photo, photo[:-1])
