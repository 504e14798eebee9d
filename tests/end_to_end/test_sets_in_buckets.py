"""A campaign and a collection go from bucket to bucket, calm and while everything goes wrong.

The short form runs a few pictures in this process; the long one twenty of each, by `giornata run` on Ray,
with the waits that people have.
"""

import csv
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bagit
import pytest
import pyvips
import yaml

from giornata.jobs.maintenance.audit import audit
from giornata.jobs.maintenance.verify import verify
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.paths import SIDECAR
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.records import ItemRecord, destination_of
from giornata.jobs.store.store import JobStore
from giornata.workers.storage import s3_transfer as s3_upload
from giornata.workers.storage.publisher import new_publisher
from tests.support import s3
from tests.support.bucket_watcher import Witness, is_hidden
from tests.support.buckets import RENDERED, SOURCES, Batch, empty, small_library
from tests.support.faults import FaultProxy, Kind, faults_before
from tests.support.image_sets import photographs, scans

WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]
COMPLETED, WITH_FAILURES = 0, 104
FORMATS = ["1:1", "4:5", "9:16", "16:9"]
TRAINED = "great-wave"  # at strength 0 it gives the picture back, as untrained networks do not
CHANGED = "01"  # in the name of the picture whose ETag is told wrongly

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
    client = s3.client(service)
    for bucket in (SOURCES, RENDERED):
        client.create_bucket(Bucket=bucket)
    with faults_before(service) as proxy:
        yield proxy
    empty(service)


def fill(url: str, pictures: Mapping[str, bytes]) -> None:
    for name, data in pictures.items():
        s3.client(url).put_object(Bucket=SOURCES, Key=f"set/{name}", Body=data)


def campaign(url: str, styles: list[str]) -> dict[str, Any]:
    return {
        "name": "campaign",
        "inputs": f"s3://{SOURCES}/set/",
        "styles": styles,
        "formats": FORMATS,
        "outputs": {"format": "jpeg", "size": 64},
        "destination": f"s3://{RENDERED}/campaign",
        "package": {"contact_sheets": True, "checksums": True},
        "storage": {"endpoint_url": url},
    }


def collection(url: str, style: str) -> dict[str, Any]:
    return {
        "name": "collection",
        "inputs": f"s3://{SOURCES}/set/",
        "styles": [{"name": style, "strength": 0.9, "label": "styled"}],
        "fidelity": {"ssim": 0.6},
        "outputs": [
            {"format": "tiff", "bigtiff": True, "template": "master/{stem}{ext}"},
            {"format": "jpeg", "template": "access/{stem}{ext}"},
            {"format": "iiif", "template": "iiif/{stem}{ext}"},
        ],
        "quality": {"seam": 3, "clipping": 0.5, "size": True},
        "destination": f"s3://{RENDERED}/bag/data",
        "package": {"bag": {"Source-Organization": "Museum of Examples"}},
        "storage": {"endpoint_url": url},
    }


@dataclass
class Here:
    """Jobs in this process, without Ray and with short waits."""

    folder: Path
    library: Path
    styles: tuple[str, str] = ("one", "two")
    busy_s: float = 2.0  # the ten seconds that people may have are for the long form
    patient: int = 2  # refusals at the very start: as many as the library itself sits out

    def run(self, words: Mapping[str, Any]) -> JobState:
        with JobStore(self.folder / "jobs.sqlite") as store:
            _, state = Batch(self.folder, self.library, store).run(parse_spec(words, origin="test"))
        return state


@dataclass
class ByCommand:
    """Jobs by `giornata run` on two workers of an embedded Ray, with the waits that people have."""

    folder: Path
    styles: tuple[str, str] = (TRAINED, "udnie")
    busy_s: float = 10.0
    patient: int = 4

    def run(self, words: Mapping[str, Any]) -> JobState:
        spec = self.folder / f"{words['name']}.yaml"
        spec.write_text(yaml.safe_dump(dict(words)))
        done = subprocess.run(
            [*WORDS, "run", spec.name, "--workers", "2", "--json"],
            cwd=self.folder,
            env={**os.environ, "GIORNATA_HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        states = {COMPLETED: JobState.COMPLETED, WITH_FAILURES: JobState.COMPLETED_WITH_FAILURES}
        assert done.returncode in states, done.stderr
        return states[done.returncode]


Runs = Here | ByCommand


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    # Small files in parts as well, as large ones are sent.
    monkeypatch.setattr(s3_upload, "SINGLE_BYTES", 2000)
    return Here(tmp_path, small_library(tmp_path / "library"))


def break_everything(proxy: FaultProxy, *, busy_s: float, patient: int) -> None:
    """What networks, services and people do to a batch, from its very start and spread over it."""
    proxy.add(Kind.SLOW_DOWN, ".", times=patient)
    proxy.add(Kind.OTHER_ETAG, f"^GET /{SOURCES}/set/[a-z]+{CHANGED}")
    proxy.add(Kind.RESET_ANSWER, f"^GET /{SOURCES}/set", times=3)
    proxy.add(Kind.SHORT_ANSWER, f"^GET /{SOURCES}/set", times=3)
    proxy.add(Kind.RESET_REQUEST, f"^PUT /{RENDERED}", times=5, after=6)
    proxy.add(Kind.LOST_ANSWER, f"^(PUT|POST|DELETE) /{RENDERED}", times=5, after=12)
    proxy.add(Kind.OTHER_ETAG, f"^PUT /{RENDERED}.*[.]part", times=3, after=16)
    proxy.add(Kind.DENIED, f"^(PUT|POST) /{RENDERED}", times=1, after=30)
    proxy.add(Kind.SLOW_DOWN, ".", seconds=busy_s, after=150)


def items_of(store: JobStore) -> list[ItemRecord]:
    (job_id,) = store.jobs.ids()
    return list(store.items.all(job_id))


def check_whole(store: JobStore, service: str, witness: Witness, *, artifacts: set[str]) -> list[ItemRecord]:
    """What must hold of a job at rest; its items."""
    (job_id,) = store.jobs.ids()
    files = new_publisher()
    record = store.jobs.get(job_id)
    assert audit(store, job_id, destination=destination_of(record), files=files) == []
    assert verify(store, files, job_id).is_whole
    assert s3.open_uploads(service, RENDERED) == []
    assert witness.torn == []
    items = items_of(store)
    assert {item.state for item in items} <= {ItemState.DONE, ItemState.QUARANTINED}
    done = [item for item in items if item.state is ItemState.DONE]
    assert len({item.target for item in done}) == len(done)
    for item in done:
        key = item.target.removeprefix(f"s3://{RENDERED}/")
        seen = witness.seen.get(key)  # nothing else was ever under its name; a folder is no object
        assert seen == {item.sha256} or (seen is None and "/iiif/" in item.target), key
    check_names(service, done, artifacts)
    return items


def check_names(service: str, done: list[ItemRecord], artifacts: set[str]) -> None:
    """Every object is an output, its record, a tile of one, or a paper: no strangers."""
    mine = {item.target for item in done} | {item.target + SIDECAR for item in done}
    folders = tuple(f"{item.target}/" for item in done)
    for key in s3.keys(service, RENDERED):
        name = f"s3://{RENDERED}/{key}"
        known = name in mine or name.startswith(folders) or key in artifacts or "/contact-sheets/" in key
        assert known, key
        assert not is_hidden(key)


CAMPAIGN_PAPERS = {f"campaign/{name}" for name in ("manifest.csv", "manifest.json", "manifest-sha256.txt")}
BAG_PAPERS = {
    "bag/data/manifest.csv",
    "bag/data/manifest.json",
    "bag/bagit.txt",
    "bag/bag-info.txt",
    "bag/manifest-sha256.txt",
    "bag/tagmanifest-sha256.txt",
}


def calm(
    runs: Runs, words: dict[str, Any], service: str, artifacts: set[str], witness: Witness
) -> list[ItemRecord]:
    """Run a set that nothing disturbs to its end."""
    assert runs.run(words) is JobState.COMPLETED
    with JobStore(runs.folder / "jobs.sqlite") as store:
        items = check_whole(store, service, witness, artifacts=artifacts)
    assert {item.state for item in items} == {ItemState.DONE}
    assert witness.passes > 10
    return items


def broken(
    runs: Runs, words: dict[str, Any], proxy: FaultProxy, artifacts: set[str], service: str, witness: Witness
) -> list[ItemRecord]:
    """Run a set through every fault, and once more for the one picture that was lost."""
    break_everything(proxy, busy_s=runs.busy_s, patient=runs.patient)
    assert runs.run(words) is JobState.COMPLETED_WITH_FAILURES
    assert [fault for fault in proxy.faults if not fault.struck] == []
    proxy.faults.clear()
    with JobStore(runs.folder / "jobs.sqlite") as store:
        items = check_whole(store, service, witness, artifacts=artifacts)
    lost = [item for item in items if item.state is not ItemState.DONE]
    assert {item.outcome_class for item in lost} == {OutcomeClass.BAD_INPUT}
    assert all("has changed since the job was listed" in item.reason for item in lost)
    assert len({item.source for item in lost}) == 1
    return calm(runs, words, service, artifacts, witness)


def check_campaign(items: list[ItemRecord], service: str, pictures: int) -> None:
    assert len(items) == pictures * 2 * len(FORMATS)
    sizes = Counter((item.width, item.height) for item in items)
    assert sizes == dict.fromkeys([(64, 64), (51, 64), (36, 64), (64, 36)], pictures * 2)
    sheets = [key for key in s3.keys(service, RENDERED, "campaign/contact-sheets/") if key.endswith(".jpg")]
    assert len(sheets) == pictures
    manifest = s3.client(service).get_object(Bucket=RENDERED, Key="campaign/manifest.csv")["Body"].read()
    rows = list(csv.DictReader(io.StringIO(manifest.decode())))
    assert {(row["target"], row["sha256"]) for row in rows} == {(item.target, item.sha256) for item in items}


def check_collection(
    items: list[ItemRecord], service: str, pictures: Mapping[str, bytes], folder: Path
) -> None:
    assert len(items) == 3 * len(pictures)
    client = s3.client(service)
    for key in s3.keys(service, RENDERED, "bag/"):
        path = folder / "got" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(RENDERED, key, str(path))
    bagit.Bag(str(folder / "got" / "bag")).validate()
    data = folder / "got" / "bag" / "data"
    for name, source in pictures.items():
        given = pyvips.Image.new_from_buffer(source, "").autorot()
        master = pyvips.Image.new_from_file(str(data / "master" / f"{Path(name).stem}.tif"))
        assert (master.width, master.height, master.format) == (given.width, given.height, given.format), name
        assert master.hasalpha() == given.hasalpha()
        if given.get_typeof("icc-profile-data"):
            assert master.get("icc-profile-data") == given.get("icc-profile-data")
        assert (data / "iiif" / Path(name).stem / "info.json").is_file()
    masters = [item for item in items if "/master/" in item.target]
    assert all(item.facts["ssim"] >= 0.6 for item in masters)
    assert len({item.facts["strength"] for item in masters}) > 1


FEW, ALL = 3, 20


@pytest.mark.timeout(120)
def test_a_few_photographs_arrive_once_each_through_every_fault(
    here: Here, proxy: FaultProxy, service: str
) -> None:
    fill(service, photographs(FEW))
    words = campaign(proxy.url, list(here.styles))
    with Witness(service, RENDERED) as witness:
        items = broken(here, words, proxy, CAMPAIGN_PAPERS, service, witness)
    check_campaign(items, service, FEW)


@pytest.mark.timeout(120)
def test_scans_of_every_kind_arrive_in_a_bag(here: Here, proxy: FaultProxy, service: str) -> None:
    pictures = scans(5)
    fill(service, pictures)
    words = collection(proxy.url, TRAINED)
    with Witness(service, RENDERED) as witness:
        items = calm(here, words, service, BAG_PAPERS, witness)
    check_collection(items, service, pictures, here.folder)


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("disturbed", [False, True], ids=["calm", "disturbed"])
def test_a_campaign_of_twenty_goes_from_bucket_to_bucket(
    proxy: FaultProxy, service: str, tmp_path: Path, disturbed: bool
) -> None:
    fill(service, photographs(ALL))
    runs = ByCommand(tmp_path)
    words = campaign(proxy.url, list(runs.styles))
    with Witness(service, RENDERED) as witness:
        if disturbed:
            items = broken(runs, words, proxy, CAMPAIGN_PAPERS, service, witness)
        else:
            items = calm(runs, words, service, CAMPAIGN_PAPERS, witness)
    check_campaign(items, service, ALL)


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("disturbed", [False, True], ids=["calm", "disturbed"])
def test_a_collection_of_twenty_goes_from_bucket_to_bucket(
    proxy: FaultProxy, service: str, tmp_path: Path, disturbed: bool
) -> None:
    pictures = scans(ALL)
    fill(service, pictures)
    runs = ByCommand(tmp_path)
    words = collection(proxy.url, runs.styles[0])
    with Witness(service, RENDERED) as witness:
        if disturbed:
            items = broken(runs, words, proxy, BAG_PAPERS, service, witness)
        else:
            items = calm(runs, words, service, BAG_PAPERS, witness)
    check_collection(items, service, pictures, tmp_path)
