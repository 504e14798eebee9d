"""The maps between feature statistics: exact where they can be, bounded where a covariance has no rank."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.styles.universal.statistics import LevelStatistics
from giornata.styles.universal.transform import (
    LEAST_VARIANCE,
    RIDGE,
    STYLE_RIDGE,
    AffineMap,
    TransformKind,
    affine_map,
)

SIZE = 12
KINDS = st.sampled_from(TransformKind)


def drawn(seed: int, rank: int, scale: float) -> LevelStatistics:
    """Statistics whose covariance has this rank."""
    random = np.random.default_rng(seed)
    factor = scale * random.normal(size=(SIZE, rank))
    return LevelStatistics(scale * random.normal(size=SIZE), factor @ factor.T / max(rank, 1))


LEVELS = st.builds(
    drawn,
    seed=st.integers(0, 2**32 - 1),
    rank=st.integers(0, SIZE),
    scale=st.sampled_from([0.0, 1e-6, 1e-3, 1.0, 30.0, 1e4]),
)


def gain(found: AffineMap) -> float:
    """How much longer any vector of features becomes, at most."""
    return float(np.linalg.norm(found.matrix, 2))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LEVELS, LEVELS, KINDS)
def test_a_covariance_without_rank_gives_finite_numbers_within_the_floors_bound(
    content: LevelStatistics, style: LevelStatistics, kind: TransformKind
) -> None:
    found = affine_map(content, [style], [1.0], kind=kind)
    assert np.isfinite(found.matrix).all()
    assert np.isfinite(found.offset).all()
    floor = (RIDGE * np.trace(content.covariance) + STYLE_RIDGE * np.trace(style.covariance)) / SIZE
    largest = max(np.linalg.eigvalsh(style.covariance).max(), LEAST_VARIANCE)
    # The map's root is floored once more: its own mean variance times the ridge, and the least variance.
    floored = content.covariance + (floor + LEAST_VARIANCE) * np.eye(SIZE)
    extra = RIDGE * np.trace(floored @ style.covariance) / SIZE + 2 * LEAST_VARIANCE
    bound = np.sqrt((largest + extra / (floor + LEAST_VARIANCE)) / (floor + LEAST_VARIANCE))
    assert gain(found) <= 1.01 * bound + 1e-6


@settings(max_examples=60, deadline=None, derandomize=True)
@given(LEVELS, LEVELS, KINDS)
def test_the_mean_becomes_the_styles(
    content: LevelStatistics, style: LevelStatistics, kind: TransformKind
) -> None:
    found = affine_map(content, [style], [1.0], kind=kind)
    got = found.matrix @ content.mean + found.offset
    scale = 1 + np.abs(style.mean).max() + np.abs(found.matrix @ content.mean).max()
    assert np.abs(got - style.mean).max() <= 1e-6 * scale


@pytest.mark.parametrize("kind", [TransformKind.TRANSPORT, TransformKind.WHITEN])
def test_a_full_covariance_becomes_nearly_the_styles(kind: TransformKind) -> None:
    content, style = drawn(1, SIZE, 1.0), drawn(2, SIZE, 2.0)
    content = LevelStatistics(content.mean, content.covariance + np.eye(SIZE))
    found = affine_map(content, [style], [1.0], kind=kind)
    got = found.matrix @ content.covariance @ found.matrix.T
    # The floor is a tenth of the mean variance: it is what is left out, twice.
    assert np.abs(got - style.covariance).max() < 3 * RIDGE * np.abs(style.covariance).max()


def test_part_of_the_way_lies_between() -> None:
    found = affine_map(drawn(1, SIZE, 1.0), [drawn(2, SIZE, 2.0)], [1.0])
    assert np.array_equal(found.toward(0.0).matrix, np.eye(SIZE))
    assert np.allclose(found.toward(1.0).matrix, found.matrix)


def test_several_styles_are_mixed_by_their_shares() -> None:
    content, styles = drawn(1, SIZE, 1.0), [drawn(2, SIZE, 2.0), drawn(3, 4, 1.0)]
    one, other = (affine_map(content, [style], [1.0]) for style in styles)
    both = affine_map(content, styles, [0.25, 0.75])
    assert np.allclose(both.matrix, 0.25 * one.matrix + 0.75 * other.matrix)
    assert np.allclose(both.offset, 0.25 * one.offset + 0.75 * other.offset)
