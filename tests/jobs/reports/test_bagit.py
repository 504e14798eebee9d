import hashlib
from pathlib import Path

import bagit
import pytest

from giornata.jobs.errors import BadSpec, TargetTaken
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.reports.bagit import CHECKSUMS, deliver_package
from giornata.jobs.reports.output_manifest import deliver_manifest
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher
from tests.support.batches import carry_out, new_job, task_for

FILES = new_publisher()


def delivered(store: JobStore, folder: Path, **package: object) -> str:
    """A job of three outputs, one in a folder of its own, whose destination is a bag's payload."""
    names = ("a.png", "b, 100%.png", "sub/ü.png")
    items = []
    for name in names:
        target = str(folder.resolve() / "bag" / "data" / name)
        task = task_for(folder, name).model_copy(update={"target": target, "item_id": item_id_of(target)})
        items.append(NewItem(task))
    job_id = new_job(store, folder, items, destination="bag/data", package=package)
    carry_out(store, job_id)
    deliver_manifest(store, job_id, FILES)
    return job_id


def test_checksums_cover_every_file_and_are_true(store: JobStore, tmp_path: Path) -> None:
    job_id = delivered(store, tmp_path, checksums=True)
    (written,) = deliver_package(store, job_id, FILES)
    deliver_package(store, job_id, FILES)  # again, over its own
    rows = dict(reversed(line.split("  ", 1)) for line in Path(written).read_text().splitlines())
    assert set(rows) == {"a.png", "b, 100%.png", "sub/ü.png", "manifest.csv", "manifest.json"}
    for name, sha256 in rows.items():
        assert hashlib.sha256((tmp_path / "bag" / "data" / name).read_bytes()).hexdigest() == sha256


def test_a_bag_is_one_to_its_reference_implementation(store: JobStore, tmp_path: Path) -> None:
    job_id = delivered(store, tmp_path, bag={"Source-Organization": "Museum", "Contact-Name": "A. Person"})
    assert len(deliver_package(store, job_id, FILES)) == 4
    bag = bagit.Bag(str(tmp_path / "bag"))
    bag.validate()
    assert bag.info["Source-Organization"] == "Museum"
    assert bag.info["Payload-Oxum"].endswith(".5")
    (tmp_path / "bag" / "data" / "a.png").write_bytes(b"damaged")
    with pytest.raises(bagit.BagError):
        bagit.Bag(str(tmp_path / "bag")).validate()


def test_outputs_keep_the_hash_that_was_recorded_and_are_not_read(store: JobStore, tmp_path: Path) -> None:
    job_id = delivered(store, tmp_path, checksums=True)
    recorded = {Path(item.target).name: item.sha256 for item in store.items.all(job_id)}
    path = tmp_path / "bag" / "data" / "a.png"
    path.write_bytes(b"x" * path.stat().st_size)
    (written,) = deliver_package(store, job_id, FILES)
    assert f"{recorded['a.png']}  a.png\n" in Path(written).read_text()


def test_what_somebody_else_wrote_is_left_alone(store: JobStore, tmp_path: Path) -> None:
    job_id = delivered(store, tmp_path, checksums=True, bag=True)
    (tmp_path / "bag" / "data" / CHECKSUMS).write_text("my notes")
    with pytest.raises(TargetTaken, match="was not written here"):
        deliver_package(store, job_id, FILES)
    (tmp_path / "bag" / "data" / CHECKSUMS).unlink()
    (tmp_path / "bag" / "bag-info.txt").write_text("Bag-Software-Agent: bagit.py\n")
    with pytest.raises(TargetTaken, match="a bag that was not made here"):
        deliver_package(store, job_id, FILES)


def test_a_bag_needs_a_payload_folder_and_plain_labels() -> None:
    words = {"name": "a", "inputs": "scans", "styles": ["wave"]}
    with pytest.raises(BadSpec, match="needed one that ends in /data"):
        parse_spec({**words, "destination": "out", "package": {"bag": True}}, origin="spec")
    with pytest.raises(BadSpec, match="needed one line under letters"):
        parse_spec({**words, "destination": "b/data", "package": {"bag": {"A:B": "x"}}}, origin="spec")
