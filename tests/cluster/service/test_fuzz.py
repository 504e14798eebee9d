"""No input makes the service fail: requests made from its own description never end in a 5xx."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from giornata.cluster.app import create_app
from giornata.cluster.service.auth import Access
from tests.support import postgres
from tests.support.services import Place

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
ENDLESS = ("/api/stream", "/api/jobs/{job_id}/stream")
BOUNDED = settings(
    max_examples=int(os.environ.get("GIORNATA_FUZZ", "15")),  # a route and database
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the store lives: what one database takes, the other may refuse."""
    if request.param == "sqlite":
        yield ""
        return
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.running() as server:
        yield server.new_database()


@pytest.fixture
def fuzzed(database: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, database)
    with made.store:
        made.listed()
        made.listed(name="winter", destination="cold")
        made.put_worker()
        yield made


def test_nothing_that_fits_or_breaks_the_description_ends_in_a_5xx(fuzzed: Place) -> None:
    app = create_app(fuzzed.job_service, access=Access(hosts=["testserver"]))
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    dice = random.Random(7)
    seen: dict[int, int] = {}
    for operation in operations:
        if operation.path in ENDLESS:
            continue

        @given(case=_cases(operation))
        @BOUNDED
        def send(case: schemathesis.Case) -> None:
            _make_real(case, fuzzed, dice)
            response = case.call(headers={"content-type": "application/json"})
            seen[response.status_code] = seen.get(response.status_code, 0) + 1
            assert response.status_code < 500, f"{case.as_curl_command()}\n{response.text}"

        send()
    assert {200, 404, 409, 422} <= seen.keys()


def _cases(operation: schemathesis.schemas.APIOperation) -> st.SearchStrategy[schemathesis.Case]:
    fitting = operation.as_strategy()
    # Where there is nothing to fill in, there is nothing to get wrong.
    if not (operation.body or operation.path_parameters or operation.query):
        return fitting
    return fitting | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def _make_real(case: schemathesis.Case, place: Place, dice: random.Random) -> None:
    """Half of the requests are about what is there, or nothing would be reached behind the look-up."""
    jobs = place.store.jobs.ids()
    for name, real in (("job_id", dice.choice(jobs)), ("worker", "render-0.0")):
        if name in case.path_parameters and dice.random() < 0.6:
            case.path_parameters[name] = real
    if "item_id" in case.path_parameters and dice.random() < 0.6:
        page = place.store.items.page(case.path_parameters["job_id"], limit=1)
        if page:
            case.path_parameters["item_id"] = page[0].item_id
    if isinstance(case.body, dict) and "base" in case.body and dice.random() < 0.6:
        case.body["base"] = str(place.root)
        if isinstance(case.body.get("spec"), dict):
            case.body["spec"] |= {"inputs": "scans", "styles": ["wave"], "destination": "out"}
