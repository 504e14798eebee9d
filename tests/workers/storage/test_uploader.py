from pathlib import Path

import pytest

from giornata.jobs.model.attempt import Claim
from giornata.jobs.model.paths import companions_of
from giornata.jobs.spec.storage import Storage
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.s3_transfer import ITEM
from giornata.workers.storage.uploader import OUTBOX, Uploader
from tests.support import s3
from tests.support.job_rows import task
from tests.workers.storage.objects import BUCKET, put


@pytest.fixture
def uploader() -> Uploader:
    return Uploader(StorageRouter())


def claim_on(target: str, storage: Storage | None = None) -> Claim:
    made = task("a").model_copy(update={"target": target, "storage": storage or Storage()})
    return Claim(job_id="autumn-1", task=made, attempt=2, epoch=0)


def test_an_output_for_a_disk_is_written_in_its_place_and_stays(tmp_path: Path, uploader: Uploader) -> None:
    claim = claim_on(str(tmp_path / "out.jpg"))
    path = uploader.path(claim, tmp_path / "work")
    assert path == Path(claim.temporary)
    path.write_bytes(b"painted")
    uploader.send(claim, path)
    assert path.read_bytes() == b"painted"
    uploader.discard(claim)
    assert list(tmp_path.iterdir()) == []


def test_an_output_for_a_bucket_is_sent_from_scratch_under_the_attempts_name(
    url: str, bucket: str, tmp_path: Path, uploader: Uploader
) -> None:
    claim = claim_on(f"s3://{bucket}/set/out.jpg", Storage(endpoint_url=url, cache_control="max-age=60"))
    path = uploader.path(claim, tmp_path / "work")
    assert path.parent == tmp_path / "work" / OUTBOX
    path.parent.mkdir(parents=True)
    path.write_bytes(b"painted")
    uploader.send(claim, path)
    assert not path.exists()
    assert s3.keys(url, BUCKET) == [claim.temporary.removeprefix(f"s3://{bucket}/")]
    sent = s3.client(url).head_object(Bucket=BUCKET, Key=s3.keys(url, BUCKET)[0])
    assert (sent["ContentLength"], sent["CacheControl"]) == (7, "max-age=60")
    assert sent["Metadata"][ITEM] == claim.task.item_id
    for companion in companions_of(Path(claim.temporary.removeprefix(f"s3://{bucket}/"))):
        put(url, str(companion))
    put(url, "set/other.jpg")
    uploader.discard(claim)
    assert s3.keys(url, BUCKET) == ["set/other.jpg"]
    uploader.discard(claim)  # fine when there is nothing
