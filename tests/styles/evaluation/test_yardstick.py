import numpy as np
import pytest
import torch

from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.lpips import Judges, Lpips
from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.trunks import Trunk, TrunkName
from giornata.styles.evaluation.yardstick import (
    DAMAGE,
    HEADLINE,
    MEASURES,
    FeaturedImage,
    Features,
    Yardstick,
)
from tests.styles.evaluation.random_trunks import random_trunk


def drawn(seed: int) -> Image:
    random = np.random.default_rng(seed)
    coarse = random.random((12, 16, 3), np.float32)
    return np.clip(np.kron(coarse, np.ones((8, 8, 1), np.float32)), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def yardstick() -> Yardstick:
    weights = {name: random_trunk(name) for name in TrunkName}
    trunks = {name: Trunk(name, weights[name]) for name in TrunkName}
    heads = {name: Lpips(trunks[name], weights[name]) for name in TrunkName}
    return Yardstick(Judges(trunks, heads, {}))


def seen(yardstick: Yardstick, image: Image) -> FeaturedImage:
    return FeaturedImage(image, yardstick.features(image))


def test_the_photograph_itself_is_likest_and_the_painting_itself_has_its_texture(
    yardstick: Yardstick,
) -> None:
    photo, painting = seen(yardstick, drawn(1)), seen(yardstick, drawn(2))
    unchanged = yardstick.measure(photo, painting, photo.image)
    painted = yardstick.measure(photo, painting, painting.image)
    assert unchanged["ssim"] == pytest.approx(1)
    assert unchanged[DAMAGE] == pytest.approx(0, abs=1e-6)
    assert painted[HEADLINE] == pytest.approx(0, abs=1e-5)
    for name, value in unchanged.items():
        assert name in MEASURES
        other = painted[name]
        if MEASURES[name].family == "style":
            assert value is not None
            assert other is not None
            assert other < value, name


def test_an_image_of_another_shape_is_refused(yardstick: Yardstick) -> None:
    photo = seen(yardstick, drawn(1))
    with pytest.raises(BadEvaluation):
        yardstick.measure(photo, photo, drawn(2)[:64])


def test_a_painting_of_one_colour_has_no_texture_to_compare(yardstick: Yardstick) -> None:
    photo = seen(yardstick, drawn(1))
    grams = {name: torch.zeros_like(gram) for name, gram in photo.features.grams.items()}
    flat = FeaturedImage(np.full((96, 128, 3), 0.5, np.float32), Features({}, grams))
    values = yardstick.measure(photo, flat, drawn(3))
    assert "ssim" in values
    assert HEADLINE not in values


def test_what_cannot_be_measured_is_told_with_its_reason(yardstick: Yardstick) -> None:
    assert yardstick.missing() == {"vgg19": "no VGG-19 file; give --vgg"}
    bare = Yardstick(Judges({}, {}, {"lpips": "no heads", "squeeze": "no trunk", "alex": "no trunk"}))
    assert bare.missing() == {
        "lpips": "no heads",
        **dict.fromkeys(("squeeze_3", "squeeze_5", "alex_1", "alex_3"), "no trunk"),
        "vgg19": "no VGG-19 file; give --vgg",
    }
