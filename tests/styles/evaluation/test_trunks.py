from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from giornata.styles.evaluation.errors import BadWeights
from giornata.styles.evaluation.trunks import (
    CHANNELS,
    MIN_SIDE_PX,
    Trunk,
    TrunkName,
    as_tensor,
    cached_file,
    name_of,
    read_weights,
)
from tests.styles.evaluation.random_trunks import random_trunk


@pytest.mark.parametrize("name", TrunkName)
def test_slices_have_the_channels_that_heads_are_made_for(name: TrunkName) -> None:
    trunk = Trunk(name, random_trunk(name))
    pixels = torch.rand(2, 3, MIN_SIDE_PX, MIN_SIDE_PX + 9, generator=torch.Generator().manual_seed(1))
    slices = trunk.slices(pixels)
    assert tuple(features.shape[1] for features in slices) == CHANNELS[name]
    assert all(len(features) == 2 and features.min() >= 0 for features in slices)
    sizes = [features.shape[2] for features in slices]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", TrunkName)
def test_weights_tell_their_network_and_those_of_another_are_refused(name: TrunkName) -> None:
    weights = random_trunk(name)
    assert name_of(weights) is name
    other = TrunkName.ALEX if name is TrunkName.SQUEEZE else TrunkName.SQUEEZE
    with pytest.raises(BadWeights, match="torchvision's tensors of this network"):
        Trunk(other, weights)
    with pytest.raises(BadWeights, match=r"no features\.0\.weight"):
        Trunk(name, {key: value for key, value in weights.items() if key != "features.0.weight"})


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_are_read_from_either_kind_of_file(tmp_path: Path, suffix: str) -> None:
    weights = {"a": torch.arange(6.0).view(2, 3), "b": torch.zeros(1)}
    path = tmp_path / f"weights{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    read = read_weights(path)
    assert {key: value.tolist() for key, value in read.items()} == {"a": [[0, 1, 2], [3, 4, 5]], "b": [0]}
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(BadWeights, match="a readable"):
        read_weights(path)
    with pytest.raises(BadWeights):
        read_weights(tmp_path / "none.pth")


def test_a_trunk_is_looked_for_where_torchvision_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert {cached_file(name).parent for name in TrunkName} == {tmp_path / "hub" / "checkpoints"}


def test_an_image_becomes_a_tensor_of_the_same_values() -> None:
    image = np.random.default_rng(0).random((5, 7, 3), np.float32)
    assert np.array_equal(as_tensor(image)[0].permute(1, 2, 0).numpy(), image)
