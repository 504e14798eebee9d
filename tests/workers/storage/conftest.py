"""A real HTTP endpoint with a bucket, and a store on it through a proxy that can fail."""

from collections.abc import Iterator

import pytest

from giornata.jobs.spec.storage import Storage
from giornata.workers.storage.s3_store import S3Store
from tests.support import s3
from tests.support.faults import FaultProxy, faults_before
from tests.workers.storage.objects import BUCKET


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with s3.endpoint() as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(url: str) -> Iterator[str]:
    client = s3.client(url)
    client.create_bucket(Bucket=BUCKET)
    yield BUCKET
    for key in s3.keys(url, BUCKET):
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def proxy(url: str, bucket: str) -> Iterator[FaultProxy]:
    with faults_before(url) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: FaultProxy) -> S3Store:
    return S3Store(Storage(endpoint_url=proxy.url))
