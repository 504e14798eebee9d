"""The teachers keep an image's size, follow their style, and the cascade's colouring is exact."""

from pathlib import Path

import numpy as np
import pytest

from giornata.cluster.evaluation.teachers import AdaIn, MicroAst, WctCascade
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


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="5SE"):
        WctCascade(tmp_path)
