import numpy as np
import pytest
import skimage.data
from skimage.metrics import structural_similarity

from giornata.workers.rendering.quality import COMPARED_PX, similarity, ssim


def test_ssim_agrees_with_another_implementation() -> None:
    one = skimage.data.camera()[:200, :220].astype(np.float32) / 255
    two = np.clip(one + np.random.default_rng(0).normal(0, 0.1, one.shape), 0, 1).astype(np.float32)
    known = structural_similarity(
        one, two, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(one, two) == pytest.approx(known, abs=0.01)  # it leaves five pixels out at the borders


def test_a_picture_is_like_itself_and_less_so_the_more_it_changes() -> None:
    photo = skimage.data.astronaut()
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(photo + rng.normal(0, spread, photo.shape), 0, 255).astype(np.uint8) for spread in (0, 20, 80)
    ]
    found = [similarity(photo, other) for other in noisy]
    assert found[0] == pytest.approx(1)
    assert found[0] > found[1] > found[2]


def test_depth_and_size_hardly_change_the_number() -> None:
    photo = skimage.data.astronaut()
    other = photo[:, :, ::-1]
    deep = [picture.astype(np.uint16) * 257 for picture in (photo, other)]
    large = [np.kron(picture, np.ones((4, 4, 1), np.uint8)) for picture in (photo, other)]
    assert large[0].shape[0] > COMPARED_PX
    known = similarity(photo, other)
    assert similarity(*deep) == pytest.approx(known, abs=1e-3)
    assert similarity(*large) == pytest.approx(known, abs=0.05)
