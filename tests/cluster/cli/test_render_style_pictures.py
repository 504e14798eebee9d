"""A style picture or an encoder that cannot be used is told in one line, and nothing is left behind."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import skimage.data
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from giornata.cluster.cli.exits import Exit
from giornata.cluster.cli.main import dispatch
from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return {key: value for key, value in random_weights(VGG19, seed=1).items() if key[4:7] <= "2_1"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Mapping[str, Tensor]) -> Path:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(skimage.data.chelsea()).resize((96, 96)).save("cat.png")
    Image.fromarray(skimage.data.coffee()).resize((96, 96)).save("coffee.png")
    Image.fromarray(skimage.data.coffee()).resize((40, 40)).save("tiny.png")
    Image.new("RGB", (96, 96)).save("black.png")
    bias = {"conv1_2.bias": torch.full((64,), float("nan"))}
    save_file({**weights, **bias}, "nan.safetensors")
    save_file({**weights, "conv2_1.weight": torch.zeros(64, 64, 3, 3)}, "narrow.safetensors")
    save_file({"layer1.0.conv1.weight": torch.zeros(4)}, "resnet.safetensors")
    Path("noise.pth").write_bytes(b"not weights at all, but long enough to be looked at")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--style-image", "tiny.png"], "tiny.png: got 40×40 px, needed at least 64×64 px"),
        (["--style-image", "black.png"], "black.png: got one colour all over, needed a picture"),
        (["--style-image", "coffee.png", "--encoder", "nan.safetensors"], "conv1_2.bias with NaN"),
        (["--style-image", "coffee.png", "--encoder", "narrow.safetensors"], "needed conv2_1.weight of 128×"),
        (["--style-image", "coffee.png", "--encoder", "resnet.safetensors"], "of a VGG-19"),
        (["--style-image", "coffee.png", "--encoder", "noise.pth"], "got no tensors, needed a readable"),
        (["--style-image", "coffee.png", "--alpha", "0", "--beta", "0"], "alpha 0.0 and beta 0.0"),
    ],
    ids=["too small", "black", "nan", "other widths", "other network", "no weights", "nothing to do"],
)
def test_what_cannot_be_used_is_told_in_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    code = dispatch(["render", "cat.png", "-o", "out.png", "--steps", "1", *words])
    said = capsys.readouterr()
    assert code == Exit.REJECTED
    assert told in said.err
    assert said.err.count("\n") == 1
    assert len(said.err) < 300
    assert said.out == ""
    assert sorted(path.name for path in folder.iterdir() if path.name != "home") == before
