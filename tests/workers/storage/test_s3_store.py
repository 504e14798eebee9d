"""Objects of a real HTTP endpoint as a store: the right bytes or none, whatever the connection does."""

import hashlib
from pathlib import Path

import pytest

from giornata.jobs.errors import (
    ObjectChanged,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageThrottled,
)
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.remote_file import RemoteFile
from giornata.workers.storage.s3_store import S3Store
from tests.support import s3
from tests.support.faults import FaultProxy, Kind
from tests.workers.storage.objects import BUCKET, put


def test_listing_leaves_out_what_is_hidden_and_goes_as_deep_as_asked(url: str, store: S3Store) -> None:
    for key in ("set/b.png", "set/a.png", "set/sub/c.png", "set/sub/.h/d.png", "set/.e.png", "setx/f.png"):
        put(url, key)
    put(url, "set/sub/", b"")

    def names(**words: int | bool) -> list[str]:
        return [
            one.name.removeprefix(f"s3://{BUCKET}/set/") for one in store.list(f"s3://{BUCKET}/set", **words)
        ]

    assert names() == ["a.png", "b.png", "sub/c.png"]
    assert names(depth=1) == ["a.png", "b.png"]
    assert names(depth=2) == ["a.png", "b.png", "sub/c.png"]
    assert names(hidden=True) == [".e.png", "a.png", "b.png", "sub/c.png"]


def test_listing_goes_page_by_page_and_only_as_far_as_it_is_read(
    url: str, store: S3Store, proxy: FaultProxy
) -> None:
    client = s3.client(url)
    for number in range(30):
        client.put_object(Bucket=BUCKET, Key=f"many/{number:04}.png", Body=b"")
    store.client.meta.events.register(
        "before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=10)
    )
    names = store.list(f"s3://{BUCKET}/many/")
    assert proxy.seen == []
    assert next(names).name.endswith("0000.png")
    assert len(proxy.seen) == 1
    assert len(list(names)) == 29
    assert len(proxy.seen) == 3


def test_many_questions_about_one_folder_are_one_listing(url: str, store: S3Store, proxy: FaultProxy) -> None:
    names = [put(url, f"out/{number:03}.png", bytes(number)) for number in range(20)]
    put(url, "out/sub/x.png")
    asked = [*names, f"s3://{BUCKET}/out/none.png", f"s3://{BUCKET}/other/none.png"]
    found = store.stat_many(asked)
    assert [one and one.bytes for one in found] == [*range(20), None, None]
    assert sum("list-type" in line for line in proxy.seen) == 1
    assert sum(line.startswith("HEAD") for line in proxy.seen) == 1


def test_what_is_fetched_is_the_version_that_was_listed(url: str, store: S3Store, tmp_path: Path) -> None:
    name = put(url, "a.bin", b"first version")
    (entry,) = store.list(f"s3://{BUCKET}")
    fetched = store.download(name, tmp_path / "a", fingerprint=entry.fingerprint)
    assert fetched.sha256 == hashlib.sha256(b"first version").hexdigest()
    put(url, "a.bin", b"other version")
    with pytest.raises(ObjectChanged, match="has changed since the job was listed"):
        store.download(name, tmp_path / "b", fingerprint=entry.fingerprint)
    s3.client(url).delete_object(Bucket=BUCKET, Key="a.bin")
    with pytest.raises(ObjectNotFound, match="nothing is there"):
        store.download(name, tmp_path / "c", fingerprint=entry.fingerprint)


def test_ranges_are_read_of_the_version_that_was_looked_at(url: str, store: S3Store) -> None:
    name = put(url, "a.bin", b"first version")
    info = store.stat(name)
    assert info is not None
    assert store.read(name, start=6, length=7, fingerprint=info.fingerprint) == b"version"
    assert store.read(name, start=6, length=70, fingerprint=info.fingerprint) == b"version"
    assert store.read(name, start=6, fingerprint=info.fingerprint) == b"version"
    assert store.read(name, start=13, length=1, fingerprint=info.fingerprint) == b""
    file = RemoteFile(store, info, block_bytes=4)
    assert file.read_at(6, 2) == b"ve"
    put(url, "a.bin", b"other version")
    assert file.read_at(6, 2) == b"ve"
    with pytest.raises(ObjectChanged, match="has changed"):
        file.read_at(0, 2)
    assert store.read(name, length=5) == b"other"


def test_an_older_version_is_found_where_versions_are_kept(url: str, tmp_path: Path) -> None:
    client = s3.client(url)
    client.create_bucket(Bucket="versions")
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="versions", Key="a", Body=b"first")
    store = S3Store(Storage(endpoint_url=url))
    entry = store.stat("s3://versions/a")
    assert entry is not None
    client.put_object(Bucket="versions", Key="a", Body=b"later")
    store.download("s3://versions/a", tmp_path / "a", fingerprint=entry.fingerprint, version=entry.version)
    assert (tmp_path / "a").read_bytes() == b"first"


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
    store: S3Store,
    proxy: FaultProxy,
    url: str,
    tmp_path: Path,
    kind: Kind,
    error: type[StorageError],
    words: str,
) -> None:
    name = put(url, "a", b"some bytes")
    (entry,) = store.list(f"s3://{BUCKET}")
    proxy.add(kind, "^GET /pictures/a")
    with pytest.raises(error, match=words) as caught:
        store.download(name, tmp_path / "a", fingerprint=entry.fingerprint)
    assert name in str(caught.value)


def test_a_storage_has_no_place_for_credentials() -> None:
    with pytest.raises(ValueError, match="endpoint_url"):
        Storage(endpoint_url=f"https://{s3.KEY}:{s3.SECRET}@host")
    with pytest.raises(ValueError, match="Extra inputs"):
        Storage.model_validate({"access_key": s3.KEY})
