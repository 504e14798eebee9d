"""Encoder weights are read from the files people have, and refused in a line when they cannot be right."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from giornata.styles.errors import BadEncoder, BadOptions, UnknownLayer
from giornata.styles.perception.encoder import Encoder, Pooling, Preprocessing, preprocessed, random_weights
from giornata.styles.perception.vgg import COMPACT, VGG19, Architecture
from giornata.styles.perception.weights import COMPACT_FORMAT, EncoderChoice, load_encoder, read_encoder

torch.set_num_threads(1)
TWO_BLOCKS = Architecture(widths=(64, 128), depths=(2, 1))


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    return random_weights(TWO_BLOCKS, seed=2)


def test_a_file_may_end_early_and_says_what_it_reaches(
    tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    save_file(weights, tmp_path / "part.safetensors")
    encoder = load_encoder(EncoderChoice(str(tmp_path / "part.safetensors")))
    assert encoder.layers == ("relu1_1", "relu1_2", "relu2_1")
    assert encoder.preprocessing is Preprocessing.CAFFE
    with pytest.raises(UnknownLayer, match=r"relu5_1.*relu1_1, relu1_2, relu2_1"):
        encoder.check(["relu5_1"])


def test_torchvisions_names_give_the_same_features(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    numbers = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5}
    renamed = {
        f"features.{numbers[key.split('.')[0]]}.{key.split('.')[1]}": value for key, value in weights.items()
    }
    torch.save({**renamed, "classifier.0.bias": torch.zeros(3)}, tmp_path / "vgg.pth")
    encoder = load_encoder(EncoderChoice(str(tmp_path / "vgg.pth"), pooling=Pooling.MAXIMUM))
    assert encoder.preprocessing is Preprocessing.TORCHVISION
    plain = Encoder(VGG19, weights, preprocessing=Preprocessing.TORCHVISION, pooling=Pooling.MAXIMUM)
    pixels = torch.rand(1, 3, 32, 32)
    assert torch.equal(encoder(pixels, ("relu2_1",))["relu2_1"], plain(pixels, ("relu2_1",))["relu2_1"])


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda w: w | {"conv1_2.bias": torch.full((64,), float("nan"))}, "conv1_2.bias with NaN"),
        (lambda w: w | {"conv2_1.weight": torch.zeros(64, 64, 3, 3)}, r"conv2_1.weight of 64×64×3×3, needed"),
        (lambda w: {"layer1.0.conv1.weight": torch.zeros(4)}, "layer1.0.conv1.weight …"),
    ],
    ids=["nan", "shape", "another network"],
)
def test_weights_that_cannot_be_right_are_told_in_a_line(tmp_path: Path, weights, break_it, words) -> None:  # type: ignore[no-untyped-def]
    save_file(break_it(weights), tmp_path / "bad.safetensors")
    with pytest.raises(BadEncoder, match=words) as caught:
        read_encoder(tmp_path / "bad.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(b"not weights at all, but long enough to be looked at")
    with pytest.raises(BadEncoder, match="needed a readable") as caught:
        read_encoder(path)
    assert "weights_only" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_name_that_is_no_file_lists_what_there_is() -> None:
    with pytest.raises(BadEncoder, match="auto, compact, vgg19 or the path"):
        load_encoder(EncoderChoice("vgg99"))


def test_preprocessing_is_what_each_kind_of_weights_expects() -> None:
    grey = torch.full((1, 3, 1, 1), 0.5)
    caffe = preprocessed(grey, Preprocessing.CAFFE).flatten().tolist()
    assert caffe == pytest.approx([127.5 - 103.939, 127.5 - 116.779, 127.5 - 123.68])
    torchvision = preprocessed(grey, Preprocessing.TORCHVISION).flatten().tolist()
    assert torchvision == pytest.approx([0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225])
    assert not preprocessed(grey, Preprocessing.CENTRED).any()


def test_the_compact_encoder_ships_and_knows_one_pooling() -> None:
    encoder = load_encoder(EncoderChoice("compact"))
    assert encoder.layers[-1] == "relu5_1"
    with pytest.raises(BadOptions, match="pooling max"):
        load_encoder(EncoderChoice("compact", pooling=Pooling.MAXIMUM))


def test_an_encoder_of_ours_with_other_widths_is_read_as_it_is(tmp_path: Path) -> None:
    earlier = Architecture(widths=(24, 48, 96, 192, 192), depths=COMPACT.depths)
    path = tmp_path / "earlier.safetensors"
    save_file(random_weights(earlier, seed=1), path, metadata={"format": COMPACT_FORMAT})
    assert read_encoder(path).architecture == earlier
    with pytest.raises(BadOptions, match="pooling"):
        load_encoder(EncoderChoice(str(path), pooling=Pooling.MAXIMUM))
    some = {key: value for key, value in random_weights(earlier, seed=1).items() if "conv5" not in key}
    save_file(some, path, metadata={"format": COMPACT_FORMAT})
    with pytest.raises(BadEncoder, match="4 blocks"):
        read_encoder(path)
