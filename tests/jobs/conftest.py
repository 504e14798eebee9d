"""Folders of small files that stand for pictures: the jobs package never looks inside one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.store import JobStore
from tests.support import postgres
from tests.support.fakes import ManualClock
from tests.support.manager_harness import Bench


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[JobStore]:
    with JobStore(tmp_path / "state" / "jobs.sqlite", clock=clock) as opened:
        yield opened


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.PostgresServer]:
    """A real server; one for all tests of a process."""
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.running() as running:
        yield running


@pytest.fixture
def server_place(server: postgres.PostgresServer) -> Iterator[str]:
    """The URL of an empty database on the server."""
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may live: each test that asks for this runs on both databases."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("server_place")
        return url
    return str(tmp_path / "state" / "jobs.sqlite")


@pytest.fixture
def either_store(place: str, clock: ManualClock) -> Iterator[JobStore]:
    """A store on each of the databases."""
    with JobStore(place, clock=clock) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Makes files below `tmp_path/scans` and returns that folder."""

    def make(*names: str) -> Path:
        root = tmp_path / "scans"
        for name in names:
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"not looked at")
        return root

    return make


@pytest.fixture
def spec_of() -> Callable[..., JobSpec]:
    """Makes a spec from the smallest one and what is given."""

    def make(**more: object) -> JobSpec:
        smallest = {"name": "autumn", "inputs": "scans", "styles": ["wave"], "destination": "out"}
        return parse_spec({**smallest, **more}, origin="spec")

    return make


@pytest.fixture
def bench(tmp_path: Path, store: JobStore, clock: ManualClock, pictures: Callable[..., Path]) -> Bench:
    """Nine pictures, and everything to render them."""
    pictures(*(f"{n}.jpg" for n in range(9)))
    return Bench(tmp_path, store, clock)
