"""A file is there whole or not at all."""

import os
from pathlib import Path

import pytest

from giornata.atomic_file import atomic_write
from giornata.jobs.model.paths import ATTEMPT, PREFIX


def test_a_file_takes_its_name_when_it_is_whole_and_replaces_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with atomic_write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_earlier_file_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_its_name_as_one_and_never_that_of_a_full_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for content in ("first", "second"):
        try:
            with atomic_write(path) as part:
                part.mkdir()
                (part / "file").write_text(content)
        except OSError:
            assert content == "second"
    assert (path / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_share_a_name_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with atomic_write(path) as outer:
        outer.write_text("outer")
        with atomic_write(path) as inner:
            inner.write_text("inner")
        assert path.read_text() == "inner"
    assert path.read_text() == "outer"


def test_what_a_killed_process_leaves_is_garbage_and_no_attempt_of_a_job(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "manifest.csv") as part:
        part.touch()
    assert part.name.startswith(PREFIX)
    assert ATTEMPT.fullmatch(part.name) is None


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with atomic_write(path) as part:
        part.touch()
    assert path.is_file()


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "a", []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.exists()))
    for is_durable in (False, True):
        with atomic_write(path, durable=is_durable) as part:
            part.touch()
        path.unlink()
    assert synced == [False]
