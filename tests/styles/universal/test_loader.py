from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from giornata.styles.errors import WeightsMismatch
from giornata.styles.universal.loader import SHAPES, encoder_hash, read_network, save_network
from giornata.styles.universal.network import SECOND, seeded


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_network_comes_back_from_its_file_as_near_as_half_precision(shape: object, tmp_path: Path) -> None:
    network = seeded(1, shape)  # type: ignore[arg-type]
    sha256 = save_network(network, tmp_path / "a.safetensors")
    again = read_network(tmp_path / "a.safetensors")
    assert again.shape == network.shape
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value.to(torch.float16).float()), key
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert encoder_hash(again) == encoder_hash(network)
    assert save_network(again, tmp_path / "b.safetensors") == sha256


def test_the_hash_of_an_encoder_follows_its_numbers_and_not_those_of_the_decoder() -> None:
    network = seeded(1, SECOND)
    before = encoder_hash(network)
    names = [name for name, _ in network.named_parameters()]
    decoder = next(name for name in names if not name.startswith(("openings.", "encoders.")))
    encoder = next(name for name in names if name.startswith("encoders."))
    with torch.no_grad():
        network.get_parameter(decoder).add_(1)
        assert encoder_hash(network) == before
        network.get_parameter(encoder).add_(1)
        assert encoder_hash(network) != before


def test_what_is_no_network_of_ours_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(WeightsMismatch, match="a readable safetensors file"):
        read_network(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsMismatch, match="got format ''"):
        read_network(path)
    save_file({"a": torch.zeros(1)}, path, metadata={"format": SECOND.format})
    with pytest.raises(WeightsMismatch, match="the tensors of its format"):
        read_network(path)
