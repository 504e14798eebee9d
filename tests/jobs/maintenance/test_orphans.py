from pathlib import Path

import pytest

from giornata.jobs.maintenance.verify import Verified, verify
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out, delivered, new_job, task_for

NAMES = ("a.png", "b.png", "deep/c.png", "deep/d.png")


def check(store: JobStore, job_id: str, *, repair: bool = False) -> Verified:
    return verify(store, LocalPublisher(), job_id, repair=repair)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "out"


@pytest.fixture
def job_id(store: JobStore, tmp_path: Path) -> str:
    return delivered(store, tmp_path, *NAMES)


def test_pictures_that_no_job_delivered_are_strays(store: JobStore, job_id: str, out: Path) -> None:
    delivered(store, out.parent, "other.png", name="winter")
    for name in ("stray.JPG", "deep/more.tif", "new/one.webp"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"not ours")
    for name in ("manifest.csv", "report.html", ".hidden.png", "a.png.damaged-1", ".git/a.png"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"passed over")
    found = check(store, job_id, repair=True)
    assert found.strays == [
        f"{out / name}: no job delivered it" for name in ("deep/more.tif", "new/one.webp", "stray.JPG")
    ]
    assert found.is_whole
    assert (out / "stray.JPG").exists()


def test_sources_inside_the_destination_are_no_strays(store: JobStore, tmp_path: Path) -> None:
    task = task_for(tmp_path, "a.png").model_copy(update={"source": str(tmp_path.resolve() / "out/scan.png")})
    job_id = new_job(store, tmp_path, [NewItem(task)])
    carry_out(store, job_id)
    Path(task.source).write_bytes(b"a scan")
    assert check(store, job_id).strays == []
