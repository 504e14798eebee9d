"""One embedded Ray for all tests of this folder that need it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.cluster.runtime import Runtime
from giornata.cluster.settings import ClusterSettings


@pytest.fixture(scope="session")
def embedded_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A running Ray with four logical cores; its own token lies in a folder of the test session."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = ClusterSettings(workers=4, home=home, scratch=home / "scratch", store_bytes=200_000_000)
    # pytest owns standard output, and a session outlives the capture of any one test.
    with Runtime(settings, guard_stdout=False) as runtime:
        yield runtime
