import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from giornata.cluster.batch.artifacts import write_artifacts
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher
from tests.support.batches import new_job, settle, take_claims, task_for
from tests.support.fakes import ended
from tests.support.s3 import CREDENTIALS, client, endpoint


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with endpoint() as address:
        yield address


def refused(claim: Claim) -> Outcome:
    return ended(claim, OutcomeClass.QUALITY, "a seam shows")


def test_a_bag_and_sheets_are_made_in_a_bucket_as_on_a_disk(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    bucket = client(url)
    bucket.create_bucket(Bucket="museum")
    Image.new("RGB", (60, 40), (200, 30, 30)).save(tmp_path / "page.png")
    target = "s3://museum/autumn/data/page.png"
    bucket.upload_file(str(tmp_path / "page.png"), "museum", "autumn/data/page.png")
    task = task_for(tmp_path, "page.png").model_copy(update={"target": target, "item_id": item_id_of(target)})
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job_id = new_job(
            store,
            tmp_path,
            [NewItem(task)],
            destination="s3://museum/autumn/data",
            storage={"endpoint_url": url},
            package={"bag": {"Source-Organization": "Museum"}, "contact_sheets": True},
        )
        settle(store, take_claims(store, job_id), refused)
        write_artifacts(store, job_id, new_publisher(store.deliveries.put_at))
        write_artifacts(store, job_id, new_publisher(store.deliveries.put_at))
    found = {one["Key"] for one in bucket.list_objects_v2(Bucket="museum")["Contents"]}
    assert {"autumn/bagit.txt", "autumn/bag-info.txt", "autumn/tagmanifest-sha256.txt"} <= found
    assert any(key.startswith("autumn/data/contact-sheets/page~") for key in found)
    lines = bucket.get_object(Bucket="museum", Key="autumn/manifest-sha256.txt")["Body"].read().decode()
    rows = dict(reversed(line.split("  ", 1)) for line in lines.splitlines())
    assert {f"autumn/{name}" for name in rows} == {key for key in found if key.startswith("autumn/data/")}
    for name, sha256 in rows.items():
        data = bucket.get_object(Bucket="museum", Key=f"autumn/{name}")["Body"].read()
        assert hashlib.sha256(data).hexdigest() == sha256
