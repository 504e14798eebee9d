"""A record and a signed manifest go to a bucket with their picture, and go away with its attempt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.paths import companions_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.hashing import file_sha256
from giornata.workers.storage.publisher import RoutingPublisher, new_publisher
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.uploader import Uploader
from tests.support import s3

BUCKET = "signed"
FINAL = ["set/out.png", "set/out.png.c2pa", "set/out.png.provenance.json"]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.endpoint() as made:
        s3.client(made).create_bucket(Bucket=BUCKET)
        yield made


def sent(url: str, folder: Path) -> tuple[Claim, Outcome]:
    """An attempt whose output, record and manifest were written here and have been sent."""
    words = {"source": "a.png", "style_label": "s", "mix": {"s": 1}, "format": PictureFormat.PNG}
    where = {"target": f"s3://{BUCKET}/set/out.png", "storage": Storage(endpoint_url=url)}
    task = RenderTask.model_validate({"item_id": "i", "credentials": True, **where, **words})
    claim = Claim(job_id="j", task=task, attempt=1, epoch=1)
    sender = Uploader(StorageRouter())
    path = sender.path(claim, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"rendered!")
    record, manifest = companions_of(path)
    record.write_text("how it was made")
    manifest.write_bytes(b"signed")
    outcome = Outcome(
        **claim.key._asdict(), outcome_class=OutcomeClass.DONE, sha256=file_sha256(path), bytes=9
    )
    sender.send(claim, path)
    assert not list(path.parent.iterdir())
    return claim, outcome


def publisher_of(claim: Claim) -> RoutingPublisher:
    return new_publisher().of(claim.task.storage)


def test_companions_take_their_final_names_with_their_picture(url: str, tmp_path: Path) -> None:
    claim, outcome = sent(url, tmp_path)
    attempt = claim.temporary.rpartition("/")[2]
    assert s3.keys(url, BUCKET, "set") == [
        f"set/{attempt}",
        f"set/{attempt}.c2pa",
        f"set/{attempt}.provenance.json",
    ]
    publisher_of(claim).publish(claim, outcome)
    assert s3.keys(url, BUCKET, "set") == FINAL
    client = s3.client(url)
    assert client.get_object(Bucket=BUCKET, Key="set/out.png.c2pa")["Body"].read() == b"signed"


def test_companions_of_an_attempt_that_lost_go_with_it(url: str, tmp_path: Path) -> None:
    claim, _ = sent(url, tmp_path)
    publisher_of(claim).discard(claim)
    assert s3.keys(url, BUCKET, "set") == []
