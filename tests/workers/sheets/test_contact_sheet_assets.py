import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from giornata.jobs.maintenance.orphans import SHEETS, pictures_of_nobody
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.storage.hashing import deliverable_bytes, deliverable_sha256
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from giornata.workers.encoding.pyramid import write_tiles
from giornata.workers.sheets.approvals import APPROVALS
from giornata.workers.sheets.contact_sheet import OPEN_PICTURES, by_source, deliver_sheets, sheet_name
from giornata.workers.storage.publisher import new_publisher
from tests.support.batches import carry_out, new_job, task_for
from tests.support.fakes import done, ended
from tests.workers.pictures import image


def deliver(store: JobStore, folder: Path, *, pictures: int) -> str:
    """A job with two outputs a picture, of which the second of the first one fails."""
    tasks = [
        task_for(folder, f"p{number}_{style}.png").model_copy(update={"source": f"/scans/p{number}.jpg"})
        for style in ("wave", "night")
        for number in range(pictures)
    ]
    job_id = new_job(store, folder, [NewItem(task) for task in tasks])

    def behave(claim):  # type: ignore[no-untyped-def]
        if claim.task.target.endswith("p0_night.png"):
            return ended(claim, OutcomeClass.QUALITY, "a seam shows")
        outcome = done(claim)
        Image.new("RGB", (60, 40), (200, 30, 30)).save(claim.temporary)
        data = Path(claim.temporary).read_bytes()
        return outcome.model_copy(update={"bytes": len(data)})

    carry_out(store, job_id, behave)
    return job_id


def test_every_picture_has_a_sheet_with_all_that_was_made_of_it(tmp_path: Path) -> None:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job_id = deliver(store, tmp_path, pictures=2)
        assert deliver_sheets(store, job_id, new_publisher()) == 2
        folder = tmp_path / "out" / SHEETS
        with (folder / APPROVALS).open(newline="") as file:
            lines = list(csv.DictReader(file))
        assert {line["file"] for line in lines} == {"p0_wave.png", "p1_wave.png", "p1_night.png"}
        assert all(line["status"] == line["comment"] == "" and line["sha256"] for line in lines)
        sheets = sorted(path.name for path in folder.glob("*.jpg"))
        assert sheets == sorted(sheet_name(f"/scans/p{number}.jpg") for number in range(2))
        with Image.open(folder / sheet_name("/scans/p1.jpg")) as sheet:
            samples = np.asarray(sheet.convert("RGB"))
        red = int(((samples[:, :, 0] > 150) & (samples[:, :, 1] < 90)).sum())
        assert red > 2 * 50 * 30
        assert list(pictures_of_nobody(store, str((tmp_path / "out").resolve()))) == []


def test_pictures_of_one_name_in_two_folders_have_two_sheets() -> None:
    assert sheet_name("/a/x.jpg") != sheet_name("/b/x.jpg")


def test_items_of_a_picture_come_together_and_few_are_held(tmp_path: Path) -> None:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        tasks = [
            task_for(tmp_path, f"{block}-{style}-{number}.png").model_copy(
                update={"source": f"/{block}-{number}.jpg"}
            )
            for block in range(20)
            for style in ("wave", "night")
            for number in range(8)
        ]
        job_id = new_job(store, tmp_path, [NewItem(task) for task in tasks])
        found = list(by_source(store.items.all(job_id)))
        assert len(found) == 160 > OPEN_PICTURES
        assert all(len(items) == 2 for _, items in found)


@pytest.mark.parametrize("container", list(Container))
@pytest.mark.parametrize("kind", [PictureFormat.DZI, PictureFormat.IIIF])
def test_a_picture_of_tiles_is_seen_on_the_sheet(
    tmp_path: Path, container: Container, kind: PictureFormat
) -> None:
    suffix = ".zip" if container is Container.ZIP else ""
    with JobStore(tmp_path / "jobs.sqlite") as store:
        task = task_for(tmp_path, f"page{suffix}").model_copy(
            update={"source": "/scans/p.jpg", "format": kind}
        )
        job_id = new_job(store, tmp_path, [NewItem(task)])

        def behave(claim):  # type: ignore[no-untyped-def]
            red = image(np.full((700, 900, 3), (200, 30, 30), np.uint8))
            target = Path(claim.temporary)
            outcome = done(claim)
            target.unlink()
            write_tiles(red, target, format=kind, name="page", quality=80, container=container)
            found = {"bytes": deliverable_bytes(target), "sha256": deliverable_sha256(target)}
            return outcome.model_copy(update={**found, "facts": claim.task.outline()})

        carry_out(store, job_id, behave)
        deliver_sheets(store, job_id, new_publisher())
        with Image.open(tmp_path / "out" / SHEETS / sheet_name("/scans/p.jpg")) as sheet:
            samples = np.asarray(sheet.convert("RGB"))
        red = int(((samples[:, :, 0] > 150) & (samples[:, :, 1] < 90)).sum())
        assert red > 150 * 200
