import json
from collections.abc import Callable

from giornata.cluster.cli.exits import Exit
from giornata.jobs.model.states import ItemState, JobEvent
from tests.support.services import Place

Run = Callable[..., tuple[int, str]]


def test_files_are_verified_reported_and_cleaned(anywhere: Place, run: Run) -> None:
    job_id = anywhere.listed()
    assert run("verify", job_id) == (0, "0 of 0 delivered files are intact\n")
    assert run("report", job_id) == (0, f"{job_id}.html\n")
    assert (anywhere.root / f"{job_id}.html").read_text().lower().startswith("<!doctype html>")
    assert run("report", job_id)[0] == Exit.REJECTED
    assert run("report", job_id, "--force")[0] == 0
    assert job_id in run("report", job_id, "-o", "-")[1]
    assert run("gc", "--dry-run", "--json") == (0, '{"leftovers":[],"removed":0}\n')
    assert run("recover")[1].endswith("0 jobs taken over, 0 findings\n")


def test_a_dead_managers_jobs_are_taken_over(place: Place, run: Run) -> None:
    job_id = place.listed()
    place.store.jobs.move(job_id, JobEvent.START)
    epoch, _ = place.store.leases.raise_epoch(job_id)
    assert len(place.store.leases.claim(job_id, 2, 60.0, "", epoch=epoch)) == 2
    code, said = run("recover", "--json")
    assert (code, json.loads(said)["taken_over"]) == (0, [job_id])
    assert place.store.jobs.snapshot(job_id).counts[ItemState.QUEUED] == 3
