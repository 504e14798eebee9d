"""How far VGG-19 sees, against what is known of it and against what its gradients say."""

import pytest
import torch

from giornata.styles.errors import UnknownLayer
from giornata.styles.perception.encoder import Encoder, Preprocessing, random_weights
from giornata.styles.perception.vgg import COMPACT, VGG19, Architecture


@pytest.mark.parametrize(
    ("layer", "field_px", "stride"),
    [("relu1_1", 3, 1), ("relu2_1", 10, 2), ("relu3_1", 24, 4), ("relu4_2", 84, 8), ("relu5_1", 156, 16)],
)
def test_vgg_sees_as_far_as_is_known(layer: str, field_px: int, stride: int) -> None:
    assert VGG19.field_px(layer) == field_px
    assert VGG19.stride(layer) == stride


def test_halos_are_the_reach_rounded_up_to_the_stride() -> None:
    assert VGG19.reach_px("relu5_1") == 70
    assert VGG19.halo_px(("relu1_1", "relu5_1")) == 80
    assert VGG19.halo_px(("relu4_2",)) == 40
    assert COMPACT.halo_px(("relu5_1",)) == 48


@pytest.mark.parametrize("architecture", [VGG19, COMPACT], ids=["vgg19", "compact"])
@pytest.mark.parametrize("layer", ["relu3_1", "relu4_2", "relu5_1"])
def test_the_field_is_what_the_gradient_shows(architecture: Architecture, layer: str) -> None:
    thin = Architecture(widths=(2, 2, 2, 2, 2), depths=architecture.depths)
    weights = {key: value.abs() for key, value in random_weights(thin, seed=1).items()}
    encoder = Encoder(thin, weights, preprocessing=Preprocessing.CENTRED).double()
    pixels = torch.full((1, 3, 320, 320), 0.7, dtype=torch.float64, requires_grad=True)
    found = encoder(pixels, (layer,))[layer]
    middle = found.shape[2] // 2
    found[0, :, middle, middle].sum().backward()
    assert pixels.grad is not None
    rows = pixels.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert len(rows) == architecture.field_px(layer)
    reach, cell = architecture.reach_px(layer), middle * architecture.stride(layer)
    assert rows[0] == cell - reach
    assert rows[-1] == cell + architecture.stride(layer) - 1 + reach


def test_a_layer_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UnknownLayer, match=r"relu9_1.*relu1_1, relu1_2"):
        VGG19.find("relu9_1")
