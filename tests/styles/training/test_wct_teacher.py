"""The cascade's colouring is exact, a batch is painted as each of its pictures alone, pairs are kept."""

from pathlib import Path

import pytest
import torch

from giornata.styles.training.wct_teacher import (
    DOUBLED_BEFORE,
    ENCODER,
    LEVELS,
    FeatureStatistics,
    WctTeacher,
    coloured,
)


def test_coloured_features_have_the_paintings_covariance() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 6, 20, 20, generator=generator) * torch.arange(1, 7).view(1, 6, 1, 1)
    style = FeatureStatistics.of(torch.randn(2, 6, 15, 30, generator=generator).cumsum(1) + 4)
    made = FeatureStatistics.of(coloured(features, style))
    assert made.mean.numpy() == pytest.approx(style.mean.numpy(), abs=1e-4)
    assert made.covariance.numpy() == pytest.approx(style.covariance.numpy(), abs=1e-3)


def test_features_without_full_rank_stay_finite() -> None:
    flat = torch.ones(1, 6, 9, 9)
    assert torch.isfinite(coloured(flat, FeatureStatistics.of(flat))).all()


def test_a_batch_is_painted_as_each_picture_alone(teachers: Path) -> None:
    assert set(ENCODER) >= DOUBLED_BEFORE
    teacher = WctTeacher(teachers)
    generator = torch.Generator().manual_seed(2)
    photos = torch.rand(2, 3, 48, 64, generator=generator)
    styles = [teacher.statistics(torch.rand(1, 3, 64, 48, generator=generator)) for _ in range(2)]
    both = {level: FeatureStatistics.stacked([styles[0][level], styles[1][level]]) for level in LEVELS}
    alpha = torch.tensor([0.3, 0.9])
    made = teacher(photos, both, alpha, deepest=4)
    for index in range(2):
        alone = teacher(photos[index : index + 1], styles[index], alpha[index : index + 1], deepest=4)
        assert (made[index] - alone[0]).abs().max() < 1e-3
    assert (made[0] - photos[0]).abs().max() > 0.01
