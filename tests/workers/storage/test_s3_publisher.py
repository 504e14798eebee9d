"""The publisher for buckets keeps the manager's contract, on endpoints that can refuse and on others."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.errors import StorageError, TargetTaken
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.paths import companion_names
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.storage import Encryption, Storage
from giornata.workers.storage.publisher import RoutingPublisher, new_publisher
from giornata.workers.storage.s3_publisher import Conditional, probe
from giornata.workers.storage.s3_store import S3Store
from giornata.workers.storage.s3_transfer import SHA256
from tests.support import s3
from tests.support.faults import Kind, faults_before

BUCKET = "rendered"


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3.endpoint() as url:
        s3_before = {name: os.environ.get(name) for name in s3.CREDENTIALS}
        os.environ.update(s3.CREDENTIALS)
        s3.client(url).create_bucket(Bucket=BUCKET)
        yield url
        for name, value in s3_before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


class Records:
    """What the store would know of deliveries."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, str]] = {}

    def __call__(self, target: str) -> list[tuple[int, str]]:
        return [self.known[target]] if target in self.known else []

    def note(self, target: str, outcome: Outcome) -> None:
        self.known[target] = int(outcome.bytes or 0), str(outcome.sha256)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture(params=list(Conditional))
def rule(request: pytest.FixtureRequest) -> Conditional:
    """Each kind of endpoint."""
    kind: Conditional = request.param
    return kind


@pytest.fixture
def url(service: str, rule: Conditional) -> Iterator[str]:
    """An endpoint of that kind."""
    with faults_before(service) as proxy:
        if rule is Conditional.COPY:
            proxy.add(Kind.HEEDED_COPY)
        yield proxy.url


@pytest.fixture
def publisher(records: Records, url: str, rule: Conditional) -> RoutingPublisher:
    made = new_publisher(records)
    if rule is Conditional.NEVER:  # the service can do better than that, but some cannot
        made.remote._shared.rules[(Storage(endpoint_url=url).reach, BUCKET)] = rule
    return made


def attempt(
    url: str,
    folder: Path,
    number: int = 1,
    *,
    data: bytes = b"rendered!",
    replace: bool = False,
    **storage: object,
) -> tuple[Claim, Outcome]:
    """A claim whose attempt has been sent."""
    words = {
        "source": "s3://pictures/a.png",
        "style_label": "s",
        "mix": {"s": 1},
        "format": PictureFormat.PNG,
    }
    reach = Storage(endpoint_url=url, **storage)  # type: ignore[arg-type]
    target = f"s3://{BUCKET}/{folder.name}/out.png"
    task = RenderTask.model_validate({"item_id": "i", "target": target, "storage": reach, **words})
    claim = Claim(job_id="j", task=task, attempt=number, epoch=1, replace=replace)
    path = folder / "sent.png"
    path.write_bytes(data)
    headers = {"CacheControl": reach.cache_control} if reach.cache_control else {}
    sha256 = S3Store(reach).send(path, claim.temporary, **headers)
    outcome = Outcome(
        **claim.key._asdict(),
        outcome_class=OutcomeClass.DONE,
        sha256=sha256,
        bytes=len(data),
    )
    return claim, outcome


def of(publisher: RoutingPublisher, claim: Claim) -> RoutingPublisher:
    return publisher.of(claim.task.storage)


def test_publishing_moves_the_attempt_to_its_name_and_keeps_its_hash(
    publisher: RoutingPublisher, url: str, tmp_path: Path
) -> None:
    claim, outcome = attempt(url, tmp_path)
    published = of(publisher, claim).publish(claim, outcome)
    assert s3.keys(url, BUCKET, tmp_path.name) == [f"{tmp_path.name}/out.png"]
    assert (published.bytes, published.sha256) == (9, outcome.sha256)
    assert of(publisher, claim).sha256(claim.task.target) == outcome.sha256
    assert of(publisher, claim).size(claim.task.target) == 9
    assert s3.open_uploads(url, BUCKET) == []


def test_a_strangers_object_is_left_alone(
    publisher: RoutingPublisher, url: str, tmp_path: Path, records: Records
) -> None:
    client = s3.client(url)
    key = f"{tmp_path.name}/out.png"
    client.put_object(Bucket=BUCKET, Key=key, Body=b"not ours")
    for replace in (False, True):
        claim, outcome = attempt(url, tmp_path, replace=replace)
        records.note(claim.task.target, outcome)
        with pytest.raises(TargetTaken, match="left as it is"):
            of(publisher, claim).publish(claim, outcome)
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"not ours"
    assert s3.open_uploads(url, BUCKET) == []


def test_only_our_own_recorded_object_is_replaced(
    publisher: RoutingPublisher, url: str, tmp_path: Path, records: Records
) -> None:
    first, old = attempt(url, tmp_path)
    of(publisher, first).publish(first, old)
    second, new = attempt(url, tmp_path, 2, data=b"rendered again", replace=True)
    with pytest.raises(TargetTaken, match="is not ours"):
        of(publisher, second).publish(second, new)
    records.note(first.task.target, old)
    assert of(publisher, second).publish(second, new).bytes == 14
    assert of(publisher, second).sha256(second.task.target) == new.sha256
    assert len(s3.keys(url, BUCKET, tmp_path.name)) == 1


def test_an_attempt_that_is_not_what_was_reported_is_not_published(
    publisher: RoutingPublisher, url: str, tmp_path: Path
) -> None:
    claim, outcome = attempt(url, tmp_path)
    s3.client(url).put_object(Bucket=BUCKET, Key=claim.temporary.partition(f"{BUCKET}/")[2], Body=b"torn")
    with pytest.raises(StorageError, match="got 4 bytes or other ones, reported 9"):
        of(publisher, claim).publish(claim, outcome)
    publisher.discard(claim)
    publisher.discard(claim)
    with pytest.raises(StorageError, match="not there any more"):
        of(publisher, claim).publish(claim, outcome)
    assert s3.keys(url, BUCKET, tmp_path.name) == []


def test_a_final_object_carries_what_the_job_asks_for(
    publisher: RoutingPublisher, url: str, tmp_path: Path
) -> None:
    claim, outcome = attempt(
        url,
        tmp_path,
        cache_control="max-age=60",
        tags={"project": "a b", "year": "1878"},
        storage_class="STANDARD_IA",
        encryption=Encryption.S3,
    )
    of(publisher, claim).publish(claim, outcome)
    key = f"{tmp_path.name}/out.png"
    found = s3.client(url).head_object(Bucket=BUCKET, Key=key)
    told = (found["ContentType"], found["CacheControl"], found["StorageClass"], found["ServerSideEncryption"])
    assert told == ("image/png", "max-age=60", "STANDARD_IA", "AES256")
    assert found["Metadata"][SHA256] == outcome.sha256
    tags = s3.client(url).get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"project": "a b", "year": "1878"}


def test_what_an_endpoint_can_refuse_is_tried_and_changes_nothing(
    url: str, tmp_path: Path, rule: Conditional
) -> None:
    store = S3Store(Storage(endpoint_url=url))
    found = probe(store, f"s3://{BUCKET}/{tmp_path.name}/probe")
    assert found is (Conditional.COPY if rule is Conditional.COPY else Conditional.PARTS)
    assert s3.keys(url, BUCKET, tmp_path.name) == [f"{tmp_path.name}/probe"]
    assert store.read(f"s3://{BUCKET}/{tmp_path.name}/probe") == b"giornata"
    assert s3.open_uploads(url, BUCKET) == []


def test_uploads_that_a_killed_process_began_end_with_their_attempt(
    publisher: RoutingPublisher, url: str, tmp_path: Path
) -> None:
    claim, _ = attempt(url, tmp_path)
    client = s3.client(url)
    key = claim.temporary.partition(f"{BUCKET}/")[2]
    for other in (key, key + ".other"):
        client.create_multipart_upload(Bucket=BUCKET, Key=other)
    publisher.discard(claim)
    assert s3.open_uploads(url, BUCKET) == [key + ".other"]
    for upload in client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]:
        client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])


def test_what_could_not_be_removed_goes_when_the_storage_answers_again(
    service: str, records: Records, tmp_path: Path
) -> None:
    publisher = new_publisher(records)
    with faults_before(service) as proxy:
        claim, _ = attempt(proxy.url, tmp_path)
        reach = Storage(endpoint_url=proxy.url)
        for companion in companion_names(claim.temporary):
            S3Store(reach).send(tmp_path / "sent.png", companion)
        fault = proxy.add(Kind.SLOW_DOWN, ".")
        of(publisher, claim).discard(claim)
        assert fault.struck
        proxy.faults.clear()
        later, outcome = attempt(proxy.url, tmp_path, 2)
        of(publisher, later).publish(later, outcome)
        assert s3.keys(service, BUCKET, tmp_path.name) == [f"{tmp_path.name}/out.png"]
