"""Cleaning finds what dead processes left, and nothing that a living one may need."""

import os
import time
from pathlib import Path

import pytest

from giornata.jobs.maintenance.gc import Garbage, find_leftovers, remove
from giornata.jobs.model.paths import attempt_name, item_id_of
from giornata.jobs.store.store import JobStore
from tests.support.batches import carry_out, delivered, new_job, settle, take_claims
from tests.support.fakes import done

ALIVE, DEAD = 4242, 4243


def find(store: JobStore, tmp_path: Path) -> list[Garbage]:
    return find_leftovers(store, scratch=tmp_path / "scratch", alive=lambda pid: pid == ALIVE)


def aged(path: Path, *, hours: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half a file")
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))
    return path


def test_a_tidy_store_has_nothing_to_clean(store: JobStore, tmp_path: Path) -> None:
    delivered(store, tmp_path, "a.png", "deep/b.png")
    assert find(store, tmp_path) == []
    assert find_leftovers(store, scratch=tmp_path / "none", alive=lambda _: False) == []


def test_the_file_of_a_running_attempt_stays_and_that_of_an_ended_one_goes(
    store: JobStore, tmp_path: Path
) -> None:
    job_id = new_job(store, tmp_path, ["deep/a.png"])
    (first,) = take_claims(store, job_id)
    done(first)
    assert find(store, tmp_path) == []
    (second,) = take_claims(store, job_id)  # another manager took the job over
    done(second)
    found = find(store, tmp_path)
    assert [(Path(one.path), one.why) for one in found] == [(Path(first.temporary), "its attempt is over")]
    assert found[0].bytes == Path(first.temporary).stat().st_size
    assert remove(found) == 1
    assert find(store, tmp_path) == []
    settle(store, [second])
    assert Path(second.task.target).exists()


def test_an_attempt_of_a_job_that_another_store_knows_is_left_alone(store: JobStore, tmp_path: Path) -> None:
    delivered(store, tmp_path, "a.png")
    target = tmp_path / "out" / "b.png"
    aged(attempt_name(target, item_id_of(target), 1, job_id="somebody-elses"), hours=1_000)
    assert find(store, tmp_path) == []


def test_a_file_that_names_no_job_goes_once_it_has_been_quiet_for_long(
    store: JobStore, tmp_path: Path
) -> None:
    delivered(store, tmp_path, "a.png")
    out = tmp_path.resolve() / "out"
    aged(out / ".giornata-report.html.part", hours=0.5)
    manifest = aged(out / ".giornata-manifest.csv.part", hours=3)
    single = aged(attempt_name(out / "b.png", "0f", 77), hours=2.1)
    found = find(store, tmp_path)
    assert {Path(one.path): one.why for one in found} == {
        manifest: "nobody has written to it for 3 h",
        single: "nobody has written to it for 2 h",
    }


@pytest.mark.parametrize("name", ["a.part", ".part", ".giornata", "giornata-a-1.part", "a.png.damaged-1"])
def test_names_that_are_not_ours_are_left_alone(store: JobStore, tmp_path: Path, name: str) -> None:
    delivered(store, tmp_path, "a.png")
    aged(tmp_path / "out" / name, hours=1_000)
    assert find(store, tmp_path) == []


def test_scratch_of_dead_processes_goes_whole(store: JobStore, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    dead, alive = scratch / f"session-{DEAD}-aa", scratch / f"session-{ALIVE}-bb"
    for folder in (dead / "render-1", alive, scratch / "session-of-mine", scratch / "keep"):
        folder.mkdir(parents=True)
        (folder / "pixels.npy").write_bytes(bytes(1_000))
    (scratch / f"session-{DEAD}-file").write_bytes(b"no folder")
    found = find(store, tmp_path)
    assert [(Path(one.path), one.why) for one in found] == [(dead, f"process {DEAD} is gone")]
    assert found[0].bytes >= 1_000
    assert remove(found) == 1
    assert sorted(path.name for path in scratch.iterdir()) == [
        "keep",
        f"session-{ALIVE}-bb",
        f"session-{DEAD}-file",
        "session-of-mine",
    ]


def test_folders_of_several_jobs_are_looked_at_once_each(store: JobStore, tmp_path: Path) -> None:
    job_id = new_job(store, tmp_path, ["deep/a.png"], destination=".")
    (claim,) = take_claims(store, job_id)
    carry_out(store, job_id)
    done(claim)
    delivered(store, tmp_path, "b.png", name="inside")
    delivered(store, tmp_path, "c.png", name="again")
    assert [Path(one.path) for one in find(store, tmp_path)] == [Path(claim.temporary)]


def test_what_is_gone_already_counts_as_removed(tmp_path: Path) -> None:
    assert remove([Garbage(str(tmp_path / "none"), 0, "it is over")]) == 1


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a.png").write_bytes(b"")
    link = tmp_path / "session-1-a"
    link.symlink_to(kept)
    assert remove([Garbage(str(link), 0, "it is over")]) == 1
    assert (kept / "a.png").exists()
