"""Texture distances: nothing for the painting itself, blind to where things are and to mean colour."""

import numpy as np
import pytest
import torch

from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.gram_distance import (
    centred_gram,
    distances,
    gram_distance,
    image_grams,
)
from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.trunks import Trunk, TrunkName
from tests.styles.evaluation.random_trunks import random_trunk


@pytest.mark.parametrize("name", list(TrunkName))
def test_a_painting_is_at_no_distance_from_itself(name: TrunkName, painting: Image) -> None:
    grams = image_grams(Trunk(name, random_trunk(name)), painting)
    assert set(grams) == ({"alex_1", "alex_3"} if name is TrunkName.ALEX else {"squeeze_3", "squeeze_5"})
    assert distances(grams, grams) == dict.fromkeys(grams, 0.0)


def test_another_image_is_at_some_distance(photo: Image, painting: Image) -> None:
    trunk = Trunk(TrunkName.SQUEEZE, random_trunk(TrunkName.SQUEEZE))
    apart = distances(image_grams(trunk, photo), image_grams(trunk, painting))
    assert all(value > 0.01 for value in apart.values())


def test_a_gram_matrix_is_the_covariance_over_positions() -> None:
    features = torch.randn(1, 5, 7, 9, generator=torch.Generator().manual_seed(1))
    expected = np.cov(features[0].flatten(1).numpy(), bias=True)
    assert centred_gram(features).numpy() == pytest.approx(expected, abs=1e-6)
    moved = features[:, :, torch.randperm(7, generator=torch.Generator().manual_seed(2))] + 3
    assert centred_gram(moved).numpy() == pytest.approx(expected, abs=1e-5)


def test_no_texture_at_all_is_at_distance_one() -> None:
    painted = centred_gram(torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1)))
    assert gram_distance(torch.zeros(4, 4), painted) == pytest.approx(1)
    assert gram_distance(2 * painted, painted) == pytest.approx(1)


def test_a_painting_of_one_colour_is_refused() -> None:
    with pytest.raises(BadEvaluation, match="without any"):
        gram_distance(torch.eye(4), torch.zeros(4, 4))
