import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from giornata.styles.moments import summed
from giornata.styles.universal.product_moments import product_moments


def drawn(channels: int, height: int, width: int, *, seed: int) -> torch.Tensor:
    return torch.randn(channels, height, width, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 6), st.integers(2, 9), st.integers(1, 9), st.integers(0, 99))
def test_products_are_those_of_numpy_and_tiles_add_up(
    channels: int, height: int, width: int, seed: int
) -> None:
    features = drawn(channels, height, width, seed=seed)
    whole = product_moments(features)
    flat = features.double().flatten(1).numpy()
    assert whole.count == height * width
    assert whole.total == pytest.approx(flat.sum(1))
    assert whole.squares == pytest.approx((flat @ flat.T)[np.triu_indices(channels)])
    top = height // 2
    parts = summed(product_moments(part) for part in (features[:, :top], features[:, top:]))
    assert parts.count == whole.count
    assert parts.squares == pytest.approx(whole.squares)


def test_a_small_difference_of_large_sums_is_kept() -> None:
    features = 1000 + drawn(2, 32, 32, seed=1).mul(1e-2)
    moments = product_moments(features)
    variance = moments.squares[[0, 2]] / moments.count - moments.mean**2
    assert variance == pytest.approx(features.double().flatten(1).var(1, unbiased=False).numpy(), rel=1e-4)
