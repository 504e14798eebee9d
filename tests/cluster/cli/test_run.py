"""What `plan` and the first moments of `run` do at a bucket that asks to slow down."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.errors import StorageThrottled
from giornata.jobs.manager.timing import Backoff
from giornata.jobs.model.states import JobState
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


@pytest.mark.slow
def test_a_batch_is_listed_when_its_bucket_answers_again(batch: Batch, proxy: FaultProxy) -> None:
    told: list[str] = []
    fault = proxy.add(Kind.SLOW_DOWN, ".", times=4)  # one more than a request is tried
    _, state = batch.run(batch.spec(proxy.url), ask=Backoff(told.append))
    assert state is JobState.COMPLETED
    assert fault.struck
    assert len(told) == 1


def test_who_does_not_wait_is_told_at_once(batch: Batch, proxy: FaultProxy) -> None:
    proxy.add(Kind.SLOW_DOWN, ".")
    with pytest.raises(StorageThrottled, match="asks to slow down"):
        batch.run(batch.spec(proxy.url))
