import errno
import os
from pathlib import Path

import pytest

from giornata.jobs.errors import ObjectChanged, TargetTaken
from giornata.jobs.model.paths import attempt_name, companions_of, credentials_of, sidecar_of
from giornata.jobs.storage.local import LocalStore, discard, publish


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
    with pytest.raises(TargetTaken, match="exists"):
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
        with pytest.raises(TargetTaken, match="exists"):
            publish(part, tmp_path / "out.png", replace=False)
        assert (tmp_path / "out.png").read_bytes() == b"old"
    else:
        publish(part, tmp_path / "out.png", replace=False)
        assert (tmp_path / "out.png").read_bytes() == b"new"
        assert not part.exists()


def test_a_missing_folder_is_told(part: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetTaken, match="No such file"):
        publish(part, tmp_path / "none" / "out.png", replace=False)


def filled(folder: Path, words: str = "new") -> Path:
    """A folder of tiles, as an attempt leaves it."""
    (folder / "picture_files" / "0").mkdir(parents=True)
    (folder / "picture.dzi").write_text(words)
    (folder / "picture_files" / "0" / "0_0.jpeg").write_text("tile")
    return folder


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    return filled(attempt_name(tmp_path / "out", "3f2a", 1))


def test_a_folder_gets_its_name_as_one(tiles: Path, tmp_path: Path) -> None:
    publish(tiles, tmp_path / "out", replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "picture_files" / "0" / "0_0.jpeg").read_text() == "tile"


@pytest.mark.parametrize("there", ["file", "folder"])
def test_a_folder_never_takes_the_place_of_anything_unasked(tiles: Path, tmp_path: Path, there: str) -> None:
    target = tmp_path / "out"
    if there == "file":
        target.write_text("old")
    else:
        filled(target, "old")
    with pytest.raises(TargetTaken, match="exists"):
        publish(tiles, target, replace=False)
    assert tiles.is_dir()
    assert (target if there == "file" else target / "picture.dzi").read_text() == "old"


@pytest.mark.parametrize("there", ["file", "folder"])
@pytest.mark.parametrize("made", ["file", "folder"])
def test_whatever_was_delivered_before_is_replaced_when_asked(tmp_path: Path, there: str, made: str) -> None:
    target, temporary = tmp_path / "out", attempt_name(tmp_path / "out", "3f2a", 2)
    for path, kind, words in ((target, there, "old"), (temporary, made, "new")):
        filled(path, words) if kind == "folder" else path.write_text(words)
    publish(temporary, target, replace=True)
    assert (target if made == "file" else target / "picture.dzi").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_record_and_a_signed_manifest_take_their_places_with_their_picture(
    part: Path, tmp_path: Path
) -> None:
    sidecar_of(part).write_text("how it was made")
    credentials_of(part).write_text("signed")
    publish(part, tmp_path / "out.png", replace=False)
    assert (tmp_path / "out.png.provenance.json").read_text() == "how it was made"
    assert (tmp_path / "out.png.c2pa").read_text() == "signed"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_record_of_a_refused_picture_does_not_touch_the_one_there(part: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    sidecar_of(target).write_text("of the old one")
    sidecar_of(part).write_text("of the new one")
    with pytest.raises(TargetTaken):
        publish(part, target, replace=False)
    assert sidecar_of(target).read_text() == "of the old one"
    discard(part, target)
    assert {path.name for path in tmp_path.iterdir()} == {"out.png", "out.png.provenance.json"}


def test_a_picture_without_companions_takes_away_those_of_the_one_before(part: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    for companion in companions_of(target):
        companion.write_text("of the old one")
    publish(part, target, replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_companions_that_a_crash_left_alone_go_with_their_attempt(part: Path, tmp_path: Path) -> None:
    for companion in (*companions_of(tmp_path / "out.png"), *companions_of(part)):
        companion.write_text("its picture never came")
    discard(part, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.tif"
    path.write_bytes(b"0123456789")
    return path


def test_a_range_is_read_as_far_as_the_file_goes(original: Path) -> None:
    info = LocalStore().stat(str(original))
    assert info is not None
    assert LocalStore().read(info.name, start=3, length=4, fingerprint=info.fingerprint) == b"3456"
    assert LocalStore().read(info.name, start=8, length=4) == b"89"
    assert LocalStore().read(info.name, start=8) == b"89"


def test_another_version_than_the_one_looked_at_is_refused(original: Path, tmp_path: Path) -> None:
    store, name = LocalStore(), str(original)
    info = store.stat(name)
    assert info is not None
    original.write_bytes(b"9876543210")
    os.utime(original, ns=(0, 0))  # the clock of a file system may be slower than a test
    with pytest.raises(ObjectChanged, match=r"original\.tif: it has changed"):
        store.read(name, fingerprint=info.fingerprint)
    with pytest.raises(ObjectChanged, match="it has changed"):
        store.download(name, tmp_path / "copy", fingerprint=info.fingerprint)
    assert not (tmp_path / "copy").exists()
    assert store.download(name, tmp_path / "copy").bytes == 10
