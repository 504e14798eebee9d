"""One embedded Ray for all tests of this folder that need it, and services of a real store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.cluster.ray_runtime.runtime import Runtime
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.settings import ClusterSettings
from tests.support.services import Place, serving


@pytest.fixture(scope="session")
def embedded_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A running Ray with four logical cores; its own token lies in a folder of the test session."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = ClusterSettings(workers=4, home=home, scratch=home / "scratch", store_bytes=200_000_000)
    # pytest owns standard output, and a session outlives the capture of any one test.
    with Runtime(settings, guard_stdout=False) as runtime:
        yield runtime


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with made.store:
        yield made


@pytest.fixture
def url(place: Place) -> Iterator[str]:
    """A service of the place without tokens, whose streams look ten times a second."""
    with serving(place.job_service, broadcaster=EventBroadcaster(place.job_service, period_s=0.1)) as address:
        yield address
