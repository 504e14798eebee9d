"""The job service in this process, and over HTTP."""

from collections.abc import Iterator

import pytest

from giornata.cluster.service.api import JobApi
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.client import Client
from tests.support.services import Place, serving


@pytest.fixture(params=["in-process", "client"])
def api(request: pytest.FixtureRequest, place: Place) -> Iterator[JobApi]:
    if request.param == "in-process":
        yield place.job_service
        return
    with (
        serving(place.job_service, broadcaster=EventBroadcaster(place.job_service, period_s=0.1)) as url,
        Client(url) as client,
    ):
        yield client
