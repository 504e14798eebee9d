"""A real store with a desk on it, and a service of that desk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.cluster.service.hub import Hub
from tests.services import Place, serving


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with made.store:
        yield made


@pytest.fixture
def url(place: Place) -> Iterator[str]:
    """A service of the place without tokens, whose streams look ten times a second."""
    with serving(place.desk, hub=Hub(place.desk, period_s=0.1)) as address:
        yield address
