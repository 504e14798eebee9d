"""Fixtures for one picture's way through the workers."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.source import WorkingFile
from tests.workers.pictures import Samples

Decode = Callable[[Path], tuple[Samples, Samples | None]]
BESIDE_THE_REPOSITORY = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One decoding process for all tests that do it no harm."""
    with Sandbox() as shared:
        yield shared


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real and hostile files that are not part of the repository."""
    folder = Path(os.environ.get("GIORNATA_TEST_DATA", BESIDE_THE_REPOSITORY))
    if not (folder / "odd").is_dir():
        pytest.skip("no test data: set GIORNATA_TEST_DATA to a folder that holds odd/")
    return folder


@pytest.fixture
def decode(sandbox: Sandbox, tmp_path: Path) -> Decode:
    """Decodes a file and reads back its pixels and alpha."""

    def run(path: Path) -> tuple[Samples, Samples | None]:
        picture = sandbox.decode(path, tmp_path / "scratch")
        pixels, alpha = picture.pixels, picture.alpha
        assert pixels.shape == (picture.height, picture.width, 3)
        assert pixels.dtype.name == picture.depth
        assert not (tmp_path / "scratch" / WorkingFile.STAGE).exists()
        return np.array(pixels), None if alpha is None else np.array(alpha)

    return run
