from pathlib import Path

import pytest

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.attempt import Claim
from giornata.jobs.spec.storage import Storage
from giornata.workers.storage.publisher import new_publisher, nothing_recorded
from tests.support import s3
from tests.support.fakes import done
from tests.support.job_rows import task
from tests.workers.storage.objects import BUCKET, put


def test_one_publisher_delivers_to_disks_and_looks_into_buckets(
    url: str, bucket: str, tmp_path: Path
) -> None:
    publisher = new_publisher().of(Storage(endpoint_url=url))
    target = str(tmp_path / "out.jpg")
    claim = Claim(job_id="a", task=task("a").model_copy(update={"target": target}), attempt=1, epoch=0)
    outcome = done(claim)
    published = publisher.publish(claim, outcome)
    assert (published.sha256, published.bytes) == (outcome.sha256, outcome.bytes)
    assert (publisher.size(target), publisher.sha256(target)) == (outcome.bytes, outcome.sha256)
    name = put(url, "set/b.jpg", b"1234567")
    assert publisher.size(name) == 7
    assert publisher.size(f"s3://{BUCKET}/set/none.jpg") is None
    told = publisher.stat_many([name, f"s3://{BUCKET}/set/none.jpg"])
    assert [info.bytes if info else None for info in told] == [7, None]
    assert publisher.stat_many([]) == []
    assert s3.keys(url, BUCKET) == ["set/b.jpg"]


def test_without_records_nothing_is_replaced(tmp_path: Path) -> None:
    assert nothing_recorded("/out/a.jpg") == ()
    (tmp_path / "out.jpg").write_bytes(b"a stranger's")
    update = {"target": str(tmp_path / "out.jpg")}
    claim = Claim(job_id="a", task=task("a").model_copy(update=update), attempt=1, epoch=0)
    publisher = new_publisher()
    with pytest.raises(TargetTaken):
        publisher.publish(claim, done(claim))
    publisher.discard(claim)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jpg"]
    assert (tmp_path / "out.jpg").read_bytes() == b"a stranger's"
