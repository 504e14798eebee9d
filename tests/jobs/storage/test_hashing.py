import hashlib
from pathlib import Path

import pytest

from giornata.jobs.storage.hashing import (
    deliverable_bytes,
    deliverable_sha256,
    file_sha256,
    tree_bytes,
    tree_sha256,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them deeper, whose order depends on who sorts."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.jpg").write_bytes(b"one")
    (tmp_path / "Z.json").write_bytes(b"two")
    return tmp_path


def test_a_folders_hash_is_that_of_what_sha256sum_prints(folder: Path) -> None:
    lines = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        for name, data in (("Z.json", b"two"), ("b/a.jpg", b"one"))
    )
    assert tree_sha256(folder) == hashlib.sha256(lines.encode()).hexdigest()
    assert tree_bytes(folder) == 6


def test_a_folders_hash_follows_names_and_bytes(folder: Path) -> None:
    before = tree_sha256(folder)
    (folder / "b" / "a.jpg").rename(folder / "b" / "c.jpg")
    renamed = tree_sha256(folder)
    (folder / "b" / "c.jpg").write_bytes(b"One")
    assert len({before, renamed, tree_sha256(folder)}) == 3


def test_a_deliverable_is_a_file_or_a_folder(folder: Path) -> None:
    assert deliverable_sha256(folder) == tree_sha256(folder)
    assert deliverable_sha256(folder / "Z.json") == file_sha256(folder / "Z.json")
    assert (deliverable_bytes(folder), deliverable_bytes(folder / "Z.json")) == (6, 3)
