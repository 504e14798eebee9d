"""Pictures of many tiles in a bucket: whoever looks finds all of one or no index of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata.jobs.errors import ObjectNotFound, StorageUnavailable, TargetTaken
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.hashing import tree_bytes, tree_sha256
from giornata.workers.storage.publisher import RoutingPublisher, new_publisher
from giornata.workers.storage.s3_store import S3Store
from giornata.workers.storage.s3_transfer import ITEM
from giornata.workers.storage.s3_tree import send_deliverable
from tests.support import s3
from tests.support.faults import FaultProxy, Kind, faults_before

BUCKET = "tiles"
INDEX = "info.json"
WRITTEN = re.compile(r"^(POST|DELETE) /tiles/set/(page/[^? ]*)([?]uploadId)?")


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3.endpoint() as url:
        s3.client(url).create_bucket(Bucket=BUCKET)
        yield url


@pytest.fixture
def proxy(service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with faults_before(service) as proxy:
        yield proxy
    client = s3.client(service)
    for key in s3.keys(service, BUCKET):
        client.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def publisher(proxy: FaultProxy) -> RoutingPublisher:
    return new_publisher().of(Storage(endpoint_url=proxy.url))


@pytest.fixture
def store(proxy: FaultProxy) -> S3Store:
    return S3Store(Storage(endpoint_url=proxy.url))


def attempt(
    proxy: FaultProxy, folder: Path, *, name: str = "page", tiles: int = 5, number: int = 1, item: str = "i"
) -> tuple[Claim, Outcome]:
    """A claim whose attempt, a folder of tiles, has been sent."""
    made = folder / f"{name}-{number}"
    for tile in range(tiles):
        path = made / f"{tile}" / "0" / "default.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(f"tile {tile} of {tiles}".encode())
    (made / INDEX).write_text(json.dumps({"tiles": tiles}))
    reach = Storage(endpoint_url=proxy.url)
    task = RenderTask(
        item_id=item,
        source="s3://pictures/a.png",
        target=f"s3://{BUCKET}/set/{name}",
        style_label="s",
        mix={"s": 1},
        format=PictureFormat.IIIF,
        storage=reach,
    )
    claim = Claim(job_id="j", task=task, attempt=number, epoch=1, replace=number > 1)
    send_deliverable(S3Store(reach), made, claim.temporary, metadata={ITEM: item})
    sha256, size = tree_sha256(made), tree_bytes(made)
    outcome = Outcome(
        job_id="j", item_id=item, attempt=number, outcome_class=OutcomeClass.DONE, sha256=sha256, bytes=size
    )
    return claim, outcome


def finals(service: str, name: str = "page") -> list[str]:
    return [key.removeprefix(f"set/{name}/") for key in s3.keys(service, BUCKET, f"set/{name}/")]


# Catalogues number their pages with dots, and files are delivered under the names they had.
@pytest.mark.parametrize("name", ["page", "MOE--1904.1", "recto.tif"])
def test_a_folder_is_delivered_whole_whatever_its_name(
    name: str, publisher: RoutingPublisher, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    claim, outcome = attempt(proxy, tmp_path, name=name)
    assert publisher.publish(claim, outcome).sha256 == outcome.sha256
    assert finals(service, name) == [*(f"{tile}/0/default.jpg" for tile in range(5)), INDEX]
    assert publisher.sha256(claim.task.target) == outcome.sha256
    assert publisher.size(claim.task.target) == outcome.bytes
    assert len(s3.keys(service, BUCKET)) == 6
    assert s3.open_uploads(service, BUCKET) == []


def test_what_leads_to_the_tiles_comes_last(
    publisher: RoutingPublisher, proxy: FaultProxy, tmp_path: Path
) -> None:
    claim, outcome = attempt(proxy, tmp_path)
    publisher.publish(claim, outcome)
    ended = [found[2] for line in proxy.seen if (found := WRITTEN.match(line)) and found[3]]
    assert len(ended) == 6
    assert ended[-1] == f"page/{INDEX}"


def test_a_smaller_picture_replaces_a_larger_one_and_its_index_goes_first(
    publisher: RoutingPublisher, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    publisher.publish(*attempt(proxy, tmp_path))
    second, smaller = attempt(proxy, tmp_path, tiles=3, number=2)
    proxy.seen.clear()
    publisher.publish(second, smaller)
    written = [found[2] for line in proxy.seen if (found := WRITTEN.match(line))]
    assert written[0] == written[-1] == f"page/{INDEX}"
    assert finals(service) == [*(f"{tile}/0/default.jpg" for tile in range(3)), INDEX]
    assert publisher.sha256(second.task.target) == smaller.sha256


def test_a_delivery_that_breaks_off_has_no_index_and_goes_on(
    publisher: RoutingPublisher, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    claim, outcome = attempt(proxy, tmp_path)
    proxy.add(Kind.LOST_ANSWER, r"^POST /tiles/set/page/3/0/default.jpg\?uploads")
    with pytest.raises(StorageUnavailable):
        publisher.publish(claim, outcome)
    assert INDEX not in finals(service)
    proxy.faults.clear()
    assert publisher.publish(claim, outcome).sha256 == outcome.sha256
    assert publisher.sha256(claim.task.target) == outcome.sha256
    assert s3.open_uploads(service, BUCKET) == 3 * ["set/page/3/0/default.jpg"]
    publisher.discard(claim)  # what an attempt that broke off had begun goes with it
    assert s3.open_uploads(service, BUCKET) == []
    assert publisher.sha256(claim.task.target) == outcome.sha256


def test_a_folder_of_somebody_else_is_left_alone(
    publisher: RoutingPublisher, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    publisher.publish(*attempt(proxy, tmp_path, item="theirs"))
    before = finals(service)
    with pytest.raises(TargetTaken, match="left as it is"):
        publisher.publish(*attempt(proxy, tmp_path, tiles=2, number=2))
    assert finals(service) == before


def test_a_damaged_folder_is_moved_aside_as_one(
    store: S3Store, publisher: RoutingPublisher, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    for number in (1, 2):
        publisher.publish(*attempt(proxy, tmp_path, number=number))
        assert store.move_aside(f"s3://{BUCKET}/set/page") == f"s3://{BUCKET}/set/page.damaged-{number}"
        assert finals(service) == []
    assert finals(service, "page.damaged-1") == finals(service, "page.damaged-2") != []
    with pytest.raises(ObjectNotFound):
        store.move_aside(f"s3://{BUCKET}/set/page")


def test_what_an_attempt_was_sending_is_found_and_removed_as_one(
    store: S3Store, publisher: RoutingPublisher, proxy: FaultProxy, service: str, tmp_path: Path
) -> None:
    claim, _ = attempt(proxy, tmp_path)
    (found,) = store.unfinished_uploads(f"s3://{BUCKET}/set")
    assert found.name == claim.temporary
    publisher.discard(claim)
    assert s3.keys(service, BUCKET) == []
