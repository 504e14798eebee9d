import errno
import os
from pathlib import Path

import pytest

from giornata.jobs.naming import attempt_name
from giornata.workers.errors import TargetRefused
from giornata.workers.storage import publish, sweep


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = attempt_name(tmp_path / "out.png", "3f2a", 1)
    path.write_bytes(b"new")
    return path


def test_a_finished_file_gets_its_name_and_loses_the_old_one(part: Path, tmp_path: Path) -> None:
    publish(part, tmp_path / "out.png", replace=False)
    assert (tmp_path / "out.png").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_an_existing_file_is_never_overwritten_unasked(part: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"old")
    with pytest.raises(TargetRefused, match="exists"):
        publish(part, tmp_path / "out.png", replace=False)
    assert (tmp_path / "out.png").read_bytes() == b"old"
    assert part.exists()


def test_an_existing_file_is_replaced_when_asked(part: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"old")
    publish(part, tmp_path / "out.png", replace=True)
    assert (tmp_path / "out.png").read_bytes() == b"new"
    assert not part.exists()


def test_a_crash_between_link_and_removal_is_finished_by_the_next_try(part: Path, tmp_path: Path) -> None:
    (tmp_path / "out.png").hardlink_to(part)
    publish(part, tmp_path / "out.png", replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken"])
def test_a_disk_without_links_is_as_safe(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)  # such a disk cannot be mounted in a test
    if taken:
        (tmp_path / "out.png").write_bytes(b"old")
        with pytest.raises(TargetRefused, match="exists"):
            publish(part, tmp_path / "out.png", replace=False)
        assert (tmp_path / "out.png").read_bytes() == b"old"
    else:
        publish(part, tmp_path / "out.png", replace=False)
        assert (tmp_path / "out.png").read_bytes() == b"new"
        assert not part.exists()


def test_a_missing_folder_is_told(part: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetRefused, match="No such file"):
        publish(part, tmp_path / "none" / "out.png", replace=False)


def test_sweeping_removes_leftovers_and_nothing_else(part: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    left = attempt_name(deep / "x.tif", "77", 12)
    bare = attempt_name(deep / "x", "78", 3)
    kept = [deep / "x.tif", deep / ".giornata-notes", deep / ".giornata-1-2.partial"]
    for path in (left, bare, *kept):
        path.touch()
    assert set(sweep(tmp_path)) == {part, left, bare}
    assert all(path.exists() for path in kept)


def test_sweeping_for_one_batch_leaves_the_others_attempts(part: Path, tmp_path: Path) -> None:
    other = attempt_name(tmp_path / "out.png", "beef", 1)
    other.touch()
    assert sweep(tmp_path, items={"3f2a"}) == [part]
    assert other.exists()
