import hashlib
import random
from pathlib import Path

import pytest

from giornata.jobs.errors import (
    StorageAccessDenied,
)
from giornata.workers.storage import s3_transfer as s3_reading
from giornata.workers.storage import s3_transfer as s3_upload
from giornata.workers.storage.s3_store import S3Store
from giornata.workers.storage.s3_transfer import MIB, MOST_PARTS, part_bytes
from tests.support import s3
from tests.support.faults import FaultProxy, Kind
from tests.workers.storage.objects import BUCKET, put


@pytest.mark.parametrize("size", [0, 1, s3_reading.READ_BYTES, s3_reading.READ_BYTES * 5 + 7])
def test_what_goes_up_comes_down_the_same(store: S3Store, url: str, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    (tmp_path / "up").write_bytes(data)
    name = f"s3://{BUCKET}/deep/ü b.tif"
    assert store.send(tmp_path / "up", name) == hashlib.sha256(data).hexdigest()
    fetched = store.download(name, tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == data
    assert (fetched.bytes, fetched.sha256, store.sha256(name)) == (
        size,
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )
    assert s3.open_uploads(url, BUCKET) == []
    found = store.facts(name)
    assert found is not None
    assert found["ContentType"] == "image/tiff"


@pytest.mark.parametrize("kind", [Kind.RESET_ANSWER, Kind.SHORT_ANSWER])
def test_a_read_that_breaks_off_is_read_again(
    store: S3Store, proxy: FaultProxy, url: str, tmp_path: Path, kind: Kind
) -> None:
    data = random.Random(1).randbytes(12 * MIB)
    name = put(url, "big", data)
    fault = proxy.add(kind, "^GET /pictures/big", times=3)
    store.download(name, tmp_path / "big")
    assert fault.struck == 3
    assert (tmp_path / "big").read_bytes() == data


@pytest.mark.parametrize("kind", [Kind.RESET_REQUEST, Kind.LOST_ANSWER])
@pytest.mark.parametrize("size", [MIB, 20 * MIB])
def test_a_send_that_breaks_off_is_sent_again(
    store: S3Store, proxy: FaultProxy, url: str, tmp_path: Path, kind: Kind, size: int
) -> None:
    data = random.Random(2).randbytes(size)
    (tmp_path / "up").write_bytes(data)
    fault = proxy.add(kind, r"^(PUT|POST) /pictures/up", times=2)
    name = f"s3://{BUCKET}/up"
    store.upload(tmp_path / "up", name)
    assert fault.struck == 2
    assert store.sha256(name) == hashlib.sha256(data).hexdigest()
    for left in s3.open_uploads(url, BUCKET):  # begun twice, since nobody heard of the first
        assert left == "up"
    store.abort_uploads(name)
    assert s3.open_uploads(url, BUCKET) == []


def test_an_upload_that_fails_leaves_nothing(
    store: S3Store, proxy: FaultProxy, url: str, tmp_path: Path
) -> None:
    (tmp_path / "up").write_bytes(bytes(20 * MIB))
    proxy.add(Kind.DENIED, r"^PUT .*partNumber=2")
    with pytest.raises(StorageAccessDenied):
        store.upload(tmp_path / "up", f"s3://{BUCKET}/up")
    assert s3.keys(url, BUCKET) == []
    assert s3.open_uploads(url, BUCKET) == []


def test_parts_grow_with_the_object_and_are_never_too_many() -> None:
    for size in (17 * MIB, 80 << 30, 1 << 40, 48 << 40):
        assert -(-size // part_bytes(size)) <= MOST_PARTS
    assert part_bytes(1 << 30) == s3_upload.UPLOAD_PART_BYTES
