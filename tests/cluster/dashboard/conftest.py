"""A browser without a window."""

from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.dashboard.people import HTML


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=HTML) as client:
        yield client
