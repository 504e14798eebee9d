"""The teachers keep an image's size, follow their style, and the cascade's colouring is exact."""

from pathlib import Path

import numpy as np
import pytest
import torch

from giornata.cluster.evaluation.teachers import AdaIn, MicroAst, WctCascade, _coloured, _moments
from giornata.styles.evaluation.errors import BadWeights
from tests.cluster.evaluation.tiny_set import TinySet

GENERATOR = np.random.default_rng(2)
PHOTO = GENERATOR.random((70, 83, 3), np.float32)
PAINTING = (0.3 + 0.3 * GENERATOR.random((64, 90, 3))).astype(np.float32)


@pytest.mark.parametrize("kind", [WctCascade, AdaIn, MicroAst])
def test_a_teacher_keeps_the_size_and_follows_the_painting(
    kind: type[WctCascade] | type[AdaIn] | type[MicroAst], tiny: TinySet
) -> None:
    teacher = kind(tiny.teachers)
    first, second = (teacher.painter(image)(PHOTO, 1.0) for image in (PAINTING, 1 - PAINTING))
    assert first.shape == PHOTO.shape
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1
    assert np.abs(first - second).max() > 1e-3


def test_coloured_features_have_the_paintings_covariance() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(1, 6, 20, 20, generator=generator) * torch.arange(1, 7).view(1, 6, 1, 1)
    style = _moments(torch.randn(1, 6, 15, 30, generator=generator).cumsum(1) + 4)
    mean, covariance = _moments(_coloured(features, style))
    assert mean.numpy() == pytest.approx(style[0].numpy(), abs=1e-4)
    assert covariance.numpy() == pytest.approx(style[1].numpy(), abs=1e-3)


def test_features_without_full_rank_stay_finite() -> None:
    flat = torch.ones(1, 6, 9, 9)
    assert torch.isfinite(_coloured(flat, _moments(flat))).all()


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="5SE"):
        WctCascade(tmp_path)
