from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from giornata.styles.training.teachers import CAFFE_MEAN_BGR, CompressedVgg19, Vgg19, caffe_input, gram
from tests.styles.training.painters_files import deep_encoder, encoder

PIXELS = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def test_the_original_weights_see_bgr_less_the_mean() -> None:
    mean = torch.tensor(CAFFE_MEAN_BGR).flip(0)[None, :, None, None] / 255
    assert caffe_input(mean.expand(1, 3, 4, 4)).abs().max() < 1e-4
    red = torch.zeros(1, 3, 1, 1)
    red[:, 0] = 1
    assert caffe_input(red).flatten().tolist() == pytest.approx([-103.939, -116.779, 255 - 123.68])


@pytest.mark.parametrize("maximum", [False, True])
def test_features_are_those_of_the_convolutions_in_the_file(tmp_path: Path, maximum: bool) -> None:
    network = Vgg19(encoder(tmp_path / "a.safetensors"), maximum=maximum)
    seen = network(PIXELS, frozenset({"relu1_2", "relu2_1", "relu3_4"}))
    assert {name: tuple(value.shape[1:]) for name, value in seen.items()} == {
        "relu1_2": (8, 32, 48),
        "relu2_1": (12, 16, 24),
        "relu3_4": (16, 8, 12),
    }
    pool = F.max_pool2d if maximum else F.avg_pool2d
    weight, bias = network.get_buffer("conv2_1_weight"), network.get_buffer("conv2_1_bias")
    assert torch.equal(seen["relu2_1"], F.relu(F.conv2d(pool(seen["relu1_2"], 2), weight, bias, padding=1)))


def test_deep_layers_come_before_and_after_rectification(tmp_path: Path) -> None:
    network = CompressedVgg19(deep_encoder(tmp_path / "a.safetensors"))
    seen = network(PIXELS, frozenset({"conv4_1", "relu4_1", "relu5_1"}))
    assert torch.equal(seen["relu4_1"], F.relu(seen["conv4_1"]))
    assert seen["conv4_1"].min() < 0
    assert [tuple(seen[name].shape[2:]) for name in ("relu4_1", "relu5_1")] == [(4, 6), (2, 3)]


def test_a_gram_matrix_is_a_mean_over_positions() -> None:
    features = torch.rand(2, 5, 3, 4, generator=torch.Generator().manual_seed(2))
    expected = torch.einsum("nchw,ndhw->ncd", features, features) / 12
    assert torch.allclose(gram(features), expected, atol=1e-6)
