from pathlib import Path

import httpx

from giornata.jobs.model.states import JobEvent
from giornata.jobs.store.records import NewItem, Settlement
from tests.support.job_rows import DONE, claimed, good, task
from tests.support.services import Place


def test_a_picture_is_shown_only_when_it_is_ours(place: Place, http: httpx.Client, tmp_path: Path) -> None:
    job_id = place.listed()
    item = next(place.store.items.all(job_id))
    Path(item.target).parent.mkdir(parents=True, exist_ok=True)
    Path(item.target).write_bytes(b"somebody else's")
    answer = http.get(f"/previews/{job_id}/{item.item_id}/result")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert http.get(f"/zoom/{job_id}/{item.item_id}/..%2f..%2fscans/a.jpg").status_code == 404
    assert http.get(f"/previews/{job_id}/nobody/result").status_code == 404


def test_a_delivered_folder_is_open_as_far_as_it_goes(place: Place, http: httpx.Client) -> None:
    job_id = place.store.jobs.create(place.spec(), base=place.root)
    folder = place.root / "out" / "plate"
    (folder / "plate_files").mkdir(parents=True)
    (folder / "plate.dzi").write_text("<Image/>")
    (folder / "secret.txt").write_text("not a picture")
    (folder / "away.jpg").symlink_to(place.root / "scans" / "a.jpg")
    made = task("plate").model_copy(update={"target": str(folder)})
    place.store.items.insert(job_id, [NewItem(made)])
    place.store.jobs.mark_listed(job_id)
    place.store.jobs.move(job_id, JobEvent.START)
    (claim,) = claimed(place.store, job_id)
    address = f"/zoom/{job_id}/{made.item_id}"
    assert http.get(f"{address}/plate.dzi").status_code == 404  # not delivered yet
    place.store.leases.finish([Settlement(claim, good(claim), DONE)])
    assert http.get(f"{address}/plate.dzi").text == "<Image/>"
    for wrong in ("secret.txt", "away.jpg", "..%2f..%2fscans%2fa.jpg", "nothing.jpg", "plate_files"):
        assert http.get(f"{address}/{wrong}").status_code == 404, wrong
