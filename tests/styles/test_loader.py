from pathlib import Path

import pytest

from giornata.styles.errors import StyleError, WeightsMismatch
from giornata.styles.library import Library
from giornata.styles.loader import load_engine, read_network
from tests.styles.small_library import write


def test_changed_weights_are_found_out(tmp_path: Path) -> None:
    write(tmp_path, "one", "ochre")
    weights = tmp_path / "one.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    library = Library((tmp_path,))
    problems = {verdict.name: verdict.problem for verdict in library.verify()}
    assert problems["ochre"] is not None
    assert "sha256" in problems["ochre"]
    with pytest.raises(WeightsMismatch):
        load_engine(library, {"ochre": 1})


def test_styles_of_different_networks_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path, "one", "ochre")
    write(tmp_path, "other", "azure")
    with pytest.raises(StyleError, match="different networks"):
        load_engine(Library((tmp_path,)), {"ochre": 1, "azure": 1})


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsMismatch, match="readable safetensors"):
        read_network(path)
