"""Batches from bucket to bucket against a real HTTP endpoint, calm and while everything goes wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from giornata.jobs.maintenance.gc import find_leftovers, remove
from giornata.jobs.maintenance.verify import verify
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher
from tests.support import s3
from tests.support.bucket_watcher import Witness
from tests.support.buckets import RENDERED, SOURCES, Batch, empty, fill, picture, small_library
from tests.support.faults import FaultProxy, Kind, faults_before

PICTURES = 4
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3.endpoint() as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def proxy(service: str) -> Iterator[FaultProxy]:
    fill(service, PICTURES)
    with faults_before(service) as proxy:
        yield proxy
    empty(service)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def batch(tmp_path: Path, library: Path) -> Iterator[Batch]:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        yield Batch(tmp_path, library, store)


def finals(url: str) -> list[str]:
    return [key for key in s3.keys(url, RENDERED) if "manifest." not in key and not key.endswith(".json")]


def test_a_batch_goes_from_bucket_to_bucket(
    batch: Batch, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    job_id, state = batch.run(batch.spec(proxy.url))
    assert state is JobState.COMPLETED
    assert batch.audit(job_id) == []
    assert len(finals(service)) == 2 * PICTURES
    assert "out/a/p0_one.png" in finals(service)
    s3.client(service).download_file(RENDERED, "out/a/p0_one.png", str(tmp_path / "p.png"))
    with Image.open(tmp_path / "p.png") as image:
        assert image.size == (56, 48)
    assert {"out/manifest.csv", "out/manifest.json"} <= set(s3.keys(service, RENDERED))
    assert s3.open_uploads(service, RENDERED) == []
    assert verify(batch.store, new_publisher(), job_id).is_whole
    fetched = [line for line in proxy.seen if line.startswith(f"GET /{SOURCES}/set/a/p0.png")]
    assert len(fetched) == 1  # for both styles


def test_a_second_run_delivers_nothing_new(batch: Batch, proxy: FaultProxy) -> None:
    spec = batch.spec(proxy.url)
    batch.run(spec)
    proxy.seen.clear()
    _, state = batch.run(spec)
    assert state is JobState.COMPLETED
    assert not [line for line in proxy.seen if "put" in line.casefold() and "manifest" not in line]
    other, state = batch.run(batch.spec(proxy.url, name="another"))
    assert batch.store.jobs.snapshot(other).counts[ItemState.SKIPPED] == 2 * PICTURES
    assert not [
        line for line in proxy.seen if line.startswith("GET /rendered/out/") and "manifest" not in line
    ]


@pytest.mark.parametrize(
    ("kind", "where", "more"),
    [
        # One by one in the long form: `test_sets_in_buckets` meets these three together.
        pytest.param(Kind.RESET_ANSWER, "^GET /pictures/set", {"times": 6}, marks=pytest.mark.long),
        pytest.param(Kind.SHORT_ANSWER, "^GET /pictures/set", {"times": 6}, marks=pytest.mark.long),
        pytest.param(Kind.DENIED, ".", {"seconds": 4.0, "after": 20}, marks=pytest.mark.long),
        (Kind.RESET_REQUEST, "^PUT /rendered/out", {"times": 4}),
        (Kind.LOST_ANSWER, "^(PUT|POST|DELETE) /rendered/out", {"times": 12, "after": 3}),
        (Kind.SLOW_DOWN, ".", {"seconds": 10.0, "after": 12}),
        (Kind.EXPIRED, "^(PUT|GET)", {"times": 5, "after": 10}),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Kind) else "",
)
def test_faults_on_the_way_cost_nothing(
    batch: Batch, proxy: FaultProxy, service: str, kind: Kind, where: str, more: dict[str, float]
) -> None:
    fault = proxy.add(kind, where, **more)
    with Witness(service, RENDERED) as witness:
        job_id, state = batch.run(batch.spec(proxy.url))
    assert fault.struck > 0
    assert state is JobState.COMPLETED
    proxy.faults.clear()
    assert batch.audit(job_id) == []
    assert witness.torn == []
    assert witness.looks > 0
    assert len(finals(service)) == 2 * PICTURES
    assert s3.open_uploads(service, RENDERED) == []


def test_an_answer_about_another_version_is_never_rendered(
    batch: Batch, proxy: FaultProxy, service: str
) -> None:
    proxy.add(Kind.OTHER_ETAG, "^GET /pictures/set/a/p0", times=50)
    job_id, state = batch.run(batch.spec(proxy.url))
    assert state is JobState.COMPLETED_WITH_FAILURES
    lost = batch.store.items.failures(job_id)
    assert {item.outcome_class for item in lost} == {OutcomeClass.BAD_INPUT}
    assert {item.source for item in lost} == {f"s3://{SOURCES}/set/a/p0.png"}
    assert all("has changed since the job was listed" in item.reason for item in lost)
    assert batch.audit(job_id) == []


def test_a_source_that_changes_while_the_job_runs_is_told(
    batch: Batch, proxy: FaultProxy, service: str
) -> None:
    seen = 0

    def change() -> bool:
        nonlocal seen
        seen += 1
        if seen == 2:
            s3.client(service).put_object(Bucket=SOURCES, Key="set/b/p3.jpeg", Body=picture(9, kind="JPEG"))
        return False

    job_id, _ = batch.run(batch.spec(proxy.url), stop=change)
    lost = batch.store.items.failures(job_id)
    assert {item.source for item in lost} == {f"s3://{SOURCES}/set/b/p3.jpeg"}
    assert "submit the job again for the new version" in lost[0].reason
    again, state = batch.run(batch.spec(proxy.url))
    assert (again, state) == (job_id, JobState.COMPLETED)
    assert batch.audit(job_id) == []


def test_a_damaged_object_is_found_moved_aside_and_made_again(
    batch: Batch, proxy: FaultProxy, service: str
) -> None:
    spec = batch.spec(proxy.url)
    job_id, _ = batch.run(spec)
    client = s3.client(service)
    client.put_object(Bucket=RENDERED, Key="out/a/p0_one.png", Body=b"damaged")
    client.delete_object(Bucket=RENDERED, Key="out/a/p0_two.png")
    client.put_object(Bucket=RENDERED, Key="out/stray.png", Body=b"whose?")
    found = verify(batch.store, new_publisher(), job_id, repair=True)
    assert (len(found.missing), len(found.damaged), found.reopened) == (1, 1, 2)
    assert found.strays == [f"s3://{RENDERED}/out/stray.png: no job delivered it"]
    assert "out/a/p0_one.png.damaged-1" in s3.keys(service, RENDERED)
    client.delete_object(Bucket=RENDERED, Key="out/stray.png")
    _, state = batch.run(spec)
    assert state is JobState.COMPLETED
    assert batch.audit(job_id) == []


def test_an_object_of_somebody_else_is_never_written_over(
    batch: Batch, proxy: FaultProxy, service: str
) -> None:
    client = s3.client(service)
    done = 0

    def intrude() -> bool:
        nonlocal done
        done += 1
        if done == 1:  # after listing, before it is published
            client.put_object(Bucket=RENDERED, Key="out/b/p3_two.jpeg", Body=b"not ours")
        return False

    job_id, state = batch.run(batch.spec(proxy.url), stop=intrude)
    assert state is JobState.COMPLETED_WITH_FAILURES
    (lost,) = batch.store.items.failures(job_id)
    assert lost.outcome_class is OutcomeClass.TARGET_TAKEN
    assert client.get_object(Bucket=RENDERED, Key="out/b/p3_two.jpeg")["Body"].read() == b"not ours"


def test_what_nobody_ended_is_cleaned_and_what_was_delivered_stays(
    batch: Batch, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    job_id, _ = batch.run(batch.spec(proxy.url))
    client = s3.client(service)
    hidden = "out/a/.giornata-0f-3-00000000.part.png"
    (first, *_) = [item for item in batch.store.items.all(job_id) if item.target.endswith("p0_one.png")]
    for key in ("out/a/p0_one.png", hidden, "out/a/somebody-elses.png"):
        client.create_multipart_upload(Bucket=RENDERED, Key=key)
    files = new_publisher()
    found = find_leftovers(batch.store, scratch=tmp_path / "none", alive=lambda _: False, files=files)
    assert [one.path for one in found] == [first.target]
    assert remove(found, files=files) == 1
    assert sorted(s3.open_uploads(service, RENDERED)) == [hidden, "out/a/somebody-elses.png"]
    assert "out/a/p0_one.png" in s3.keys(service, RENDERED)
    for left in client.list_multipart_uploads(Bucket=RENDERED)["Uploads"]:
        client.abort_multipart_upload(Bucket=RENDERED, Key=left["Key"], UploadId=left["UploadId"])


def test_no_credential_is_written_anywhere(
    batch: Batch, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    proxy.add(Kind.DENIED, "^PUT", times=2, after=2)
    proxy.add(Kind.RESET_REQUEST, "^PUT", times=6, after=8)
    job_id, _ = batch.run(batch.spec(proxy.url))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    client = s3.client(service)
    written += [
        client.get_object(Bucket=RENDERED, Key=key)["Body"].read() for key in s3.keys(service, RENDERED)
    ]
    assert not [data for data in written for word in (s3.KEY, s3.SECRET) if word.encode() in data]
    assert batch.store.jobs.get(job_id).spec.storage.endpoint_url == proxy.url
