"""Additive statistics: parts summed are the whole."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.styles.errors import BadStatistics
from giornata.styles.moments import from_lists, moments_of, summed


@settings(max_examples=40, deadline=None)
@given(height=st.integers(2, 60), width=st.integers(2, 60), cut=st.integers(1, 59), seed=st.integers(0, 999))
def test_the_moments_of_parts_add_up_to_the_moments_of_the_whole(
    height: int, width: int, cut: int, seed: int
) -> None:
    cut = min(cut, height - 1)
    features = torch.randn(height, width, 5, generator=torch.Generator().manual_seed(seed)) + 3
    parts = summed([moments_of(features[:cut]), moments_of(features[cut:])])
    variance, mean = torch.var_mean(features.double(), dim=(0, 1), correction=0)
    assert parts.count == height * width
    assert np.allclose(parts.mean, mean.numpy(), rtol=1e-6)
    assert np.allclose(parts.deviation(0.0), variance.sqrt().numpy(), rtol=1e-4)


def test_the_variance_of_tile_means_is_not_lost() -> None:
    """Pooling variances by their mean would say 1 here."""
    dark, light = torch.randn(50, 50, 1), torch.randn(50, 50, 1) + 4
    assert summed([moments_of(dark), moments_of(light)]).deviation(0.0).item() == pytest.approx(
        5**0.5, rel=0.05
    )


def test_moments_survive_a_record_and_a_journey() -> None:
    moments = moments_of(torch.rand(4, 4, 3))
    (back,) = from_lists([moments.as_lists()])
    travelled = pickle.loads(pickle.dumps(moments))  # noqa: S301  our own bytes, as Ray sends them
    for copy in (back, travelled):
        assert copy.count == moments.count
        assert np.array_equal(copy.total, moments.total)
        assert np.array_equal(copy.squares, moments.squares)


def test_no_tiles_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(BadStatistics, match="at least one tile"):
        summed([])
