"""`giornata run` once more: what was delivered before is not rendered, and that is said in a moment."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.jobs.model.attempt import Outcome, OutcomeClass
from giornata.jobs.model.states import ItemState
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.loader import load_spec
from giornata.jobs.storage.hashing import file_sha256
from giornata.jobs.store.records import NewItem
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out
from tests.workers.pictures import encoded

PICTURES = 1000
MOST_S = 8.0  # at work: 5 on a machine of its own, and neighbours on the same cores slow all down
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec of a thousand outputs that have all been delivered; rendering them is not what is measured."""
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    (tmp_path / "photos").mkdir()
    data = encoded("png")
    for number in range(PICTURES):
        (tmp_path / "photos" / f"p{number:04}.png").write_bytes(data)
    words = {"name": "set", "inputs": "photos", "styles": ["great-wave"], "destination": "out"}
    (tmp_path / "spec.yaml").write_text(json.dumps(words))
    (tmp_path / "home").mkdir()
    with JobStore(tmp_path / "home" / "jobs.sqlite") as store:
        deliver_all(store, tmp_path)
    return tmp_path


def deliver_all(store: JobStore, folder: Path) -> None:
    spec = load_spec(folder / "spec.yaml")
    job_id = store.jobs.create(spec, base=folder)
    tasks = expand(spec, base=folder, styles=InstalledStyles(user_library()))
    store.items.insert(job_id, (NewItem(task) for task in tasks))
    store.jobs.mark_listed(job_id)
    data = encoded("png")

    def behave(claim):  # type: ignore[no-untyped-def]
        path = Path(claim.temporary)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        words = {
            **claim.key._asdict(),
            "bytes": len(data),
        }
        kind = {"outcome_class": OutcomeClass.DONE, "sha256": file_sha256(path), "seconds": 1}
        return Outcome.model_validate({**words, **kind})

    carry_out(store, job_id, behave)


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*WORDS, "run", "spec.yaml", "--workers", "1", *words],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def counts_of(done: "subprocess.CompletedProcess[str]") -> Mapping[str, int]:
    ended = json.loads(done.stdout.splitlines()[-1])
    assert ended["event"] == "ended"
    counts: dict[str, int] = ended["counts"]
    return counts


def test_a_thousand_outputs_that_are_there_take_a_moment_and_no_cluster(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    worked, started = os.times().children_user, time.monotonic()
    done = run(folder)
    took_s, worked_s = time.monotonic() - started, os.times().children_user - worked
    assert done.returncode == 0, done.stderr
    assert "nothing new: every output was delivered before" in done.stdout
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")} == before
    print(f"second run of {PICTURES} items: {took_s:.1f} s, {worked_s:.1f} s of it at work")  # noqa: T201
    assert worked_s < MOST_S
    assert not (folder / "home" / "scratch").exists()  # where a cluster would have its own


@pytest.mark.ray
@pytest.mark.slow
def test_what_is_new_or_gone_is_rendered_and_nothing_else(folder: Path) -> None:
    (folder / "out" / "p0007_great-wave.png").unlink()
    (folder / "photos" / "q.png").write_bytes(encoded("png"))
    done = run(folder, "--json")
    assert done.returncode == 0, done.stderr
    assert counts_of(done)[ItemState.DONE] == PICTURES + 1
    with JobStore(folder / "home" / "jobs.sqlite") as store:
        (job_id,) = store.jobs.ids()
        fresh = {Path(item.target).name for item in store.items.all(job_id) if item.seconds != 1}
    assert fresh == {"p0007_great-wave.png", "q_great-wave.png"}
