"""Which weights an optimisation looks with is known without loading them, and a change of them is seen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.loader import parse_spec
from giornata.styles.library import Library
from giornata.styles.perception.encoder_files import (
    SHIPPED,
    TORCHVISION_FILE,
    encoder_file,
    encoder_version,
    torchvision_file,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def fill(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / TORCHVISION_FILE).write_bytes(b"as good as any")


def test_torchvisions_file_is_looked_for_where_torch_keeps_it() -> None:
    assert torchvision_file().parent.parent == Path(torch.hub.get_dir())


def test_auto_is_vgg19_once_it_is_there(cache: Path) -> None:
    before = encoder_version("auto")
    assert encoder_file("auto") == SHIPPED
    assert before == encoder_version("compact")
    fill(cache)
    assert encoder_file("auto") == cache / TORCHVISION_FILE
    assert encoder_version("auto") == encoder_version("vgg19") != before


def test_a_file_of_ones_own_is_known_by_its_time(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    assert encoder_version(str(path)) == str(path)
    path.write_bytes(b"one")
    first = encoder_version(str(path))
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert encoder_version(str(path)) != first


def test_an_encoder_that_came_makes_deliveries_outdated_and_nothing_else_does(
    cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/a.png", "coffee.png"):
        (tmp_path / name).write_bytes(b"not looked at")
    spec = parse_spec(
        {
            "name": "n",
            "inputs": ["in"],
            "styles": ["great-wave", {"image": "coffee.png", "engine": "optimization"}],
            "destination": "o",
        },
        origin="spec",
    )
    styles = InstalledStyles(Library(()))

    def keys() -> list[str]:
        return [task.content_key() for task in expand(spec, base=tmp_path, styles=styles)]

    network, optimised = keys()
    assert keys() == [network, optimised]
    fill(cache)
    assert keys()[0] == network
    assert keys()[1] != optimised
    assert keys()[1][:20] == optimised[:20]  # asked for the same, made from something newer


def test_asking_loads_no_torch() -> None:
    code = "import sys, giornata.styles.perception.encoder_files; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
