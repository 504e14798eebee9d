import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import TargetTaken
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.reports.output_manifest import ALL_COLUMNS, SAMPLES, summarise, write_manifest
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.store.store import JobStore
from tests.support.fakes import FakeRunner, FolderPublisher, ManualClock, StyleNames, done, ended


def behave(claim: Claim) -> Outcome:
    name = Path(claim.task.source).stem
    if name.startswith("bad"):
        return ended(claim, OutcomeClass.BAD_INPUT, "half a file, starts with <html>")
    return ended(claim, OutcomeClass.TARGET_TAKEN, "taken") if name == "held" else done(claim)


@pytest.fixture
def job_id(
    tmp_path: Path,
    store: JobStore,
    clock: ManualClock,
    pictures: Callable[..., Path],
    spec_of: Callable[..., JobSpec],
) -> str:
    pictures("ü, 1.jpg", "held.jpg", *(f"bad{n}.jpg" for n in range(7)))
    manager = JobManager(
        store, FakeRunner(clock, behave=behave), FolderPublisher(), StyleNames("wave"), clock=clock
    )
    submitted = manager.submit(spec_of(), base=tmp_path)
    assert manager.run_until_done(submitted.job_id) is JobState.COMPLETED_WITH_FAILURES
    return submitted.job_id


def test_the_summary_groups_failures_by_cause(store: JobStore, job_id: str) -> None:
    summary = summarise(store, job_id)
    assert [(cause.outcome_class, cause.count) for cause in summary.causes] == [
        ("bad_input", 7),
        ("target_taken", 1),
    ]
    assert len(summary.causes[0].samples) == SAMPLES
    assert summary.snapshot.counts[ItemState.DONE] == 1


def test_the_manifests_have_a_row_for_every_item(tmp_path: Path, store: JobStore, job_id: str) -> None:
    table, document = write_manifest(store, job_id, tmp_path / "report")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    loaded = json.loads(document.read_text(encoding="utf-8"))
    assert tuple(rows[0]) == ALL_COLUMNS
    assert {(row["format"], row["strength"]) for row in rows} == {("jpeg", "1.0")}
    assert (loaded["job"], loaded["state"], loaded["counts"]["quarantined"]) == (
        job_id,
        "completed_with_failures",
        7,
    )
    assert [row["source"] for row in rows] == [item["source"] for item in loaded["items"]]
    (whole,) = [item for item in loaded["items"] if item["state"] == "done"]
    assert whole["bytes"] == Path(whole["target"]).stat().st_size
    assert {item["reason"] for item in loaded["items"]} == {"", "taken", "half a file, starts with <html>"}
    assert sorted(path.name for path in table.parent.iterdir()) == ["manifest.csv", "manifest.json"]


def test_a_manifest_replaces_its_own_kind_and_nothing_else(
    tmp_path: Path, store: JobStore, job_id: str
) -> None:
    folder = tmp_path / "report"
    write_manifest(store, job_id, folder)
    write_manifest(store, job_id, folder)
    (folder / "manifest.csv").write_text("path,client\n")
    with pytest.raises(TargetTaken, match="was not written here"):
        write_manifest(store, job_id, folder)
    assert (folder / "manifest.csv").read_text() == "path,client\n"
