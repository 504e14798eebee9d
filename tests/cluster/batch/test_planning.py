from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.cluster.batch.planning import make_plan
from giornata.jobs.store.store import JobStore
from tests.support import s3
from tests.support.buckets import Batch, empty, fill, small_library
from tests.support.faults import FaultProxy, Kind, faults_before

PICTURES = 2


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3.endpoint() as url:
        yield url


@pytest.fixture
def proxy(service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FaultProxy]:
    for name, value in {**s3.CREDENTIALS, "GIORNATA_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    fill(service, PICTURES)
    with faults_before(service) as proxy:
        yield proxy
    empty(service)


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        yield Batch(tmp_path, small_library(tmp_path / "home" / "styles" / "small"), store)


def test_a_plan_waits_for_a_bucket_that_is_busy_from_the_start(
    batch: Batch, proxy: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = proxy.add(Kind.SLOW_DOWN, ".", times=4)  # one more than a request is tried
    report = make_plan(batch.spec(proxy.url, styles=["great-wave"]), tmp_path)
    assert (report.pictures, report.measured) == (PICTURES, PICTURES)
    assert fault.struck
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert "asks to slow down" in line
    assert line.endswith("waiting for it, up to 10 minutes")
