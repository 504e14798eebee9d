"""Objects of a real HTTP endpoint as a place: the right bytes or none, whatever the connection does."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from giornata.jobs.errors import (
    ObjectChanged,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageThrottled,
    StorageUnavailable,
    UnsupportedUrl,
)
from giornata.jobs.spec.storage import Storage
from giornata.workers.storage import s3_transfer as s3_reading
from giornata.workers.storage import s3_transfer as s3_upload
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.s3_client import new_client, refusal, translated
from giornata.workers.storage.s3_store import S3Store
from giornata.workers.storage.s3_transfer import MIB, MOST_PARTS, part_bytes
from tests.support import s3
from tests.support.faults import FaultProxy, Kind, faults_before

BUCKET = "pictures"


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
def place(proxy: FaultProxy) -> S3Store:
    return S3Store(Storage(endpoint_url=proxy.url))


def put(url: str, key: str, data: bytes = b"1234") -> str:
    s3.client(url).put_object(Bucket=BUCKET, Key=key, Body=data)
    return f"s3://{BUCKET}/{key}"


def test_listing_leaves_out_what_is_hidden_and_goes_as_deep_as_asked(url: str, place: S3Store) -> None:
    for key in ("set/b.png", "set/a.png", "set/sub/c.png", "set/sub/.h/d.png", "set/.e.png", "setx/f.png"):
        put(url, key)
    put(url, "set/sub/", b"")

    def names(**words: int | bool) -> list[str]:
        return [
            one.name.removeprefix(f"s3://{BUCKET}/set/") for one in place.list(f"s3://{BUCKET}/set", **words)
        ]

    assert names() == ["a.png", "b.png", "sub/c.png"]
    assert names(depth=1) == ["a.png", "b.png"]
    assert names(depth=2) == ["a.png", "b.png", "sub/c.png"]
    assert names(hidden=True) == [".e.png", "a.png", "b.png", "sub/c.png"]


def test_listing_goes_page_by_page_and_only_as_far_as_it_is_read(
    url: str, place: S3Store, proxy: FaultProxy
) -> None:
    client = s3.client(url)
    for number in range(30):
        client.put_object(Bucket=BUCKET, Key=f"many/{number:04}.png", Body=b"")
    place.client.meta.events.register(
        "before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=10)
    )
    names = place.list(f"s3://{BUCKET}/many/")
    assert proxy.seen == []
    assert next(names).name.endswith("0000.png")
    assert len(proxy.seen) == 1
    assert len(list(names)) == 29
    assert len(proxy.seen) == 3


def test_many_questions_about_one_folder_are_one_listing(url: str, place: S3Store, proxy: FaultProxy) -> None:
    names = [put(url, f"out/{number:03}.png", bytes(number)) for number in range(20)]
    put(url, "out/sub/x.png")
    asked = [*names, f"s3://{BUCKET}/out/none.png", f"s3://{BUCKET}/other/none.png"]
    found = place.heads(asked)
    assert [one and one.bytes for one in found] == [*range(20), None, None]
    assert sum("list-type" in line for line in proxy.seen) == 1
    assert sum(line.startswith("HEAD") for line in proxy.seen) == 1


def test_what_is_fetched_is_the_version_that_was_listed(url: str, place: S3Store, tmp_path: Path) -> None:
    name = put(url, "a.bin", b"first version")
    (entry,) = place.list(f"s3://{BUCKET}")
    fetched = place.fetch(name, tmp_path / "a", stamp=entry.stamp)
    assert fetched.sha256 == hashlib.sha256(b"first version").hexdigest()
    put(url, "a.bin", b"other version")
    with pytest.raises(ObjectChanged, match="has changed since the job was listed"):
        place.fetch(name, tmp_path / "b", stamp=entry.stamp)
    s3.client(url).delete_object(Bucket=BUCKET, Key="a.bin")
    with pytest.raises(ObjectNotFound, match="nothing is there"):
        place.fetch(name, tmp_path / "c", stamp=entry.stamp)


def test_an_older_version_is_found_where_versions_are_kept(url: str, tmp_path: Path) -> None:
    client = s3.client(url)
    client.create_bucket(Bucket="versions")
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="versions", Key="a", Body=b"first")
    place = S3Store(Storage(endpoint_url=url))
    entry = place.head("s3://versions/a")
    assert entry is not None
    client.put_object(Bucket="versions", Key="a", Body=b"later")
    place.fetch("s3://versions/a", tmp_path / "a", stamp=entry.stamp, version=entry.version)
    assert (tmp_path / "a").read_bytes() == b"first"


@pytest.mark.parametrize("size", [0, 1, s3_reading.READ_BYTES, s3_reading.READ_BYTES * 5 + 7])
def test_what_goes_up_comes_down_the_same(place: S3Store, url: str, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    (tmp_path / "up").write_bytes(data)
    name = f"s3://{BUCKET}/deep/ü b.tif"
    assert place.send(tmp_path / "up", name) == hashlib.sha256(data).hexdigest()
    fetched = place.fetch(name, tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == data
    assert (fetched.bytes, fetched.sha256, place.sha256(name)) == (
        size,
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )
    assert s3.open_uploads(url, BUCKET) == []
    found = place.facts(name)
    assert found is not None
    assert found["ContentType"] == "image/tiff"


@pytest.mark.parametrize("kind", [Kind.RESET_ANSWER, Kind.SHORT_ANSWER])
def test_a_read_that_breaks_off_is_read_again(
    place: S3Store, proxy: FaultProxy, url: str, tmp_path: Path, kind: Kind
) -> None:
    data = random.Random(1).randbytes(12 * MIB)
    name = put(url, "big", data)
    fault = proxy.add(kind, "^GET /pictures/big", times=3)
    place.fetch(name, tmp_path / "big")
    assert fault.struck == 3
    assert (tmp_path / "big").read_bytes() == data


@pytest.mark.parametrize("kind", [Kind.RESET_REQUEST, Kind.LOST_ANSWER])
@pytest.mark.parametrize("size", [MIB, 20 * MIB])
def test_a_send_that_breaks_off_is_sent_again(
    place: S3Store, proxy: FaultProxy, url: str, tmp_path: Path, kind: Kind, size: int
) -> None:
    data = random.Random(2).randbytes(size)
    (tmp_path / "up").write_bytes(data)
    fault = proxy.add(kind, r"^(PUT|POST) /pictures/up", times=2)
    name = f"s3://{BUCKET}/up"
    place.put(tmp_path / "up", name)
    assert fault.struck == 2
    assert place.sha256(name) == hashlib.sha256(data).hexdigest()
    for left in s3.open_uploads(url, BUCKET):  # begun twice, since nobody heard of the first
        assert left == "up"
    place.abort(name)
    assert s3.open_uploads(url, BUCKET) == []


def test_an_upload_that_fails_leaves_nothing(
    place: S3Store, proxy: FaultProxy, url: str, tmp_path: Path
) -> None:
    (tmp_path / "up").write_bytes(bytes(20 * MIB))
    proxy.add(Kind.DENIED, r"^PUT .*partNumber=2")
    with pytest.raises(StorageAccessDenied):
        place.put(tmp_path / "up", f"s3://{BUCKET}/up")
    assert s3.keys(url, BUCKET) == []
    assert s3.open_uploads(url, BUCKET) == []


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (Kind.SLOW_DOWN, StorageThrottled, "asks to slow down"),
        (Kind.DENIED, StorageAccessDenied, "access was refused .* allow it for these credentials"),
        (Kind.EXPIRED, StorageAccessDenied, "expired .* renew them and the job goes on"),
        (Kind.OTHER_ETAG, ObjectChanged, "has changed since the job was listed"),
    ],
)
def test_every_refusal_has_its_own_class(
    place: S3Store,
    proxy: FaultProxy,
    url: str,
    tmp_path: Path,
    kind: Kind,
    error: type[StorageError],
    words: str,
) -> None:
    name = put(url, "a", b"some bytes")
    (entry,) = place.list(f"s3://{BUCKET}")
    proxy.add(kind, "^GET /pictures/a")
    with pytest.raises(error, match=words) as caught:
        place.fetch(name, tmp_path / "a", stamp=entry.stamp)
    assert name in str(caught.value)


def test_a_service_that_is_not_there_is_told_in_a_moment(tmp_path: Path) -> None:
    place = S3Store(Storage(endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(StorageUnavailable, match="the connection failed"):
        place.head("s3://bucket/a")


def test_without_credentials_the_words_say_what_to_do(
    url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as bare:
        bare.delenv("AWS_ACCESS_KEY_ID")
        bare.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(StorageAccessDenied, match="log in, or set AWS_PROFILE"):
            S3Store(Storage(endpoint_url=url)).head(f"s3://{BUCKET}/a")
        bare.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(StorageAccessDenied, match="ProfileNotFound"):
            new_client(Storage(endpoint_url=url))


def test_no_error_of_the_library_is_left_untranslated() -> None:
    known = [kind for kind in vars(botocore.exceptions).values() if isinstance(kind, type)]
    ours = botocore.exceptions.ParamValidationError  # says that we asked for something that cannot be
    for kind in known:
        if issubclass(kind, botocore.exceptions.BotoCoreError) and not issubclass(kind, ours):
            with pytest.raises(StorageError), translated("s3://b/k"):
                raise kind.__new__(kind)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, StorageThrottled),
        ("InternalError", 500, StorageUnavailable),
        ("NotImplemented", 501, StorageError),
        ("InvalidAccessKeyId", 403, StorageAccessDenied),
        ("403", 403, StorageAccessDenied),
        ("PermanentRedirect", 301, StorageAccessDenied),
        ("NoSuchBucket", 404, ObjectNotFound),
        ("404", 404, ObjectNotFound),
        ("NoSuchVersion", 404, ObjectChanged),
        ("PreconditionFailed", 412, ObjectChanged),
        ("ConditionalRequestConflict", 409, StorageUnavailable),
        ("MalformedXML", 400, StorageError),
    ],
)
def test_answers_are_classed_by_code_and_status(code: str, status: int, kind: type[StorageError]) -> None:
    answer = {"Error": {"Code": code, "Message": s3.KEY}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = refusal("s3://b/k", ClientError(answer, "GetObject"))  # type: ignore[arg-type]
    assert type(error) is kind
    assert s3.KEY not in str(error)


def test_parts_grow_with_the_object_and_are_never_too_many() -> None:
    for size in (17 * MIB, 80 << 30, 1 << 40, 48 << 40):
        assert -(-size // part_bytes(size)) <= MOST_PARTS
    assert part_bytes(1 << 30) == s3_upload.UPLOAD_PART_BYTES


def test_other_schemes_are_refused() -> None:
    for name in ("gs://bucket/a", "s3://", "s3://B/a"):
        with pytest.raises(UnsupportedUrl):
            StorageRouter().at(name)


def test_a_storage_has_no_place_for_credentials() -> None:
    with pytest.raises(ValueError, match="endpoint_url"):
        Storage(endpoint_url=f"https://{s3.KEY}:{s3.SECRET}@host")
    with pytest.raises(ValueError, match="Extra inputs"):
        Storage.model_validate({"access_key": s3.KEY})
