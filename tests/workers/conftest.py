"""Fixtures for one picture's way through the workers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.workers.decoding.sandbox import Sandbox

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
