"""A lasting folder belongs to one living process at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from giornata import process
from giornata.jobs.maintenance.gc import OWNER
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.process import boot_id
from giornata.workers.rendering.workdir import WorkDirs, fingerprint_of, folder_name, is_running

GONE = 999_999_999


@pytest.fixture
def other() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child.pid
        child.kill()


@pytest.fixture
def task(tmp_path: Path) -> RenderTask:
    return RenderTask(
        item_id="0f",
        source=str(tmp_path / "a.png"),
        target=str(tmp_path / "b.png"),
        style_label="x",
        mix={"x": 1},
        format=PictureFormat.PNG,
    )


def entered(root: Path, task: RenderTask, pid: int, fingerprint: str = "f") -> Path:
    folder = WorkDirs(root, pid).enter(task, fingerprint)
    assert folder is not None
    return folder


def owner_of(folder: Path) -> dict[str, object]:
    owner: dict[str, object] = json.loads((folder / OWNER).read_text())
    return owner


def test_a_living_process_keeps_its_folder(tmp_path: Path, task: RenderTask, other: int) -> None:
    folder = entered(tmp_path, task, other)
    assert folder.name == folder_name(task)
    assert WorkDirs(tmp_path, os.getpid()).enter(task, "f") is None
    assert owner_of(folder)["pid"] == other
    assert entered(tmp_path, task, other) == folder


@pytest.mark.parametrize(("fingerprint", "is_kept"), [("f", True), ("another", False)])
def test_the_next_process_goes_on_where_a_dead_one_stopped(
    tmp_path: Path, task: RenderTask, fingerprint: str, is_kept: bool
) -> None:
    (entered(tmp_path, task, GONE) / "work").touch()
    folder = entered(tmp_path, task, os.getpid(), fingerprint)
    assert (folder / "work").exists() == is_kept
    assert {path.name for path in folder.iterdir()} - {"work"} == {OWNER}
    assert owner_of(folder)["fingerprint"] == fingerprint


def test_a_number_that_is_used_again_does_not_keep_the_folder(
    tmp_path: Path, task: RenderTask, other: int
) -> None:
    folder = entered(tmp_path, task, other)
    owner = owner_of(folder)
    (folder / OWNER).write_text(json.dumps({**owner, "started": str(int(str(owner["started"])) - 1)}))
    assert entered(tmp_path, task, os.getpid()) == folder


def test_a_process_of_before_a_reboot_does_not_keep_the_folder(
    tmp_path: Path, task: RenderTask, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = entered(tmp_path, task, other), fingerprint_of(task)
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(process, "BOOT", tmp_path / "boot_id")
    assert not is_running(owner_of(folder))
    assert fingerprint_of(task) != before


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_an_owner_is_written_as_earlier_releases_did_and_read_as_theirs(
    tmp_path: Path, task: RenderTask, other: int
) -> None:
    ticks = Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[19]
    earlier = {
        "pid": other,
        "boot": boot_id(),
        "started": ticks,
        "item_id": task.item_id,
        "target": task.target,
        "fingerprint": "f",
    }
    assert owner_of(entered(tmp_path, task, other)) == earlier
    assert is_running(earlier)


@pytest.mark.parametrize("owner", [{}, {"item_id": "0f"}, {"pid": GONE}, {"pid": os.getpid()}])
def test_an_owner_that_does_not_tell_its_process_is_dead(owner: dict[str, object]) -> None:
    assert not is_running(owner)
