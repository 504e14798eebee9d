"""An object as a stream: the bytes of one version, by few and bounded requests."""

import io
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, ReadLimitReached
from giornata.jobs.storage import remote_file
from giornata.jobs.storage.base import ObjectInfo
from giornata.jobs.storage.local import LocalStore
from giornata.jobs.storage.remote_file import CACHED_BLOCKS, LIMIT_BYTES, RemoteFile
from tests.support.fakes import RecordingStore

SIZE, BLOCK = 1000, 64
DATA = random.Random(1).randbytes(SIZE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def store() -> RecordingStore:
    return RecordingStore()


def opened(store: LocalStore, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> RemoteFile:
    info = store.stat(str(path))
    assert info is not None
    return RemoteFile(store, info, block_bytes=BLOCK, limit_bytes=limit_bytes)


def test_a_block_is_requested_whole_and_once(store: RecordingStore, path: Path) -> None:
    file = opened(store, path)
    assert [file.read_at(offset, 4) for offset in (70, 100, 64)] == [DATA[70:74], DATA[100:104], DATA[64:68]]
    assert store.ranges == [(64, 128)]


def test_missing_neighbours_come_in_one_request_and_cached_ones_in_none(
    store: RecordingStore, path: Path
) -> None:
    file = opened(store, path)
    file.read_at(200, 1)
    assert file.read_at(10, 400) == DATA[10:410]
    assert store.ranges == [(192, 256), (0, 192), (256, 448)]


def test_a_long_run_is_cut_into_requests_of_bounded_size(
    store: RecordingStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_file, "REQUEST_BYTES", 4 * BLOCK)
    assert opened(store, path).read() == DATA
    assert store.ranges == [(0, 256), (256, 512), (512, 768), (768, 1000)]


def test_the_longest_unused_block_goes_first(store: RecordingStore, tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(bytes(BLOCK * (CACHED_BLOCKS + 2)))
    file = opened(store, path)
    for block in range(CACHED_BLOCKS):
        file.read_at(block * BLOCK, 1)
    file.read_at(0, 1)
    file.read_at(CACHED_BLOCKS * BLOCK, 1)  # takes the room of block 1
    count = len(store.ranges)
    file.read_at(0, 1)
    assert len(store.ranges) == count
    file.read_at(BLOCK, 1)
    assert store.ranges[count:] == [(BLOCK, 2 * BLOCK)]


def test_of_a_long_run_only_the_last_blocks_are_held(store: RecordingStore, tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(bytes(BLOCK * CACHED_BLOCKS * 5))
    file = opened(store, path)
    file.read()
    file.read_at(4 * CACHED_BLOCKS * BLOCK, CACHED_BLOCKS * BLOCK)
    assert len(store.ranges) == 1
    file.read_at(0, 1)
    assert len(store.ranges) == 2


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_the_last_block_ends_with_the_object(store: RecordingStore, tmp_path: Path, size: int) -> None:
    path = tmp_path / "object"
    path.write_bytes(DATA[:size])
    file = opened(store, path)
    assert (file.size, file.read(), file.read(), file.tell()) == (size, DATA[:size], b"", size)
    assert file.read_at(size, 5) == file.read_at(size + 5, 5) == file.read_at(0, 0) == b""
    assert file.read_at(max(0, size - 2), 1 << 40) == DATA[max(0, size - 2) : size]
    assert all(end <= size for _, end in store.ranges)


def test_seeks_are_those_of_a_file(store: RecordingStore, path: Path) -> None:
    file = opened(store, path)
    with path.open("rb", buffering=0) as model:
        for offset, whence in ((10, io.SEEK_SET), (5, io.SEEK_CUR), (-7, io.SEEK_END), (90, io.SEEK_END)):
            assert file.seek(offset, whence) == model.seek(offset, whence) == file.tell()
            assert file.read(20) == model.read(20)
        for offset, whence in ((-1, io.SEEK_SET), (-2000, io.SEEK_CUR), (-1001, io.SEEK_END)):
            for stream in (file, model):
                with pytest.raises(OSError, match="Invalid argument"):
                    stream.seek(offset, whence)
        assert file.tell() == model.tell()


def test_reading_at_an_offset_leaves_the_position(store: RecordingStore, path: Path) -> None:
    file = opened(store, path)
    file.seek(7)
    file.read_at(500, 10)
    buffer = bytearray(5)
    assert (file.readinto(buffer), bytes(buffer), file.tell()) == (5, DATA[7:12], 12)


def test_a_closed_file_is_not_read(store: RecordingStore, path: Path) -> None:
    with opened(store, path) as file:
        pass
    with pytest.raises(ValueError, match="closed"):
        file.read(1)


def test_a_name_without_an_object_is_told(tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFound, match="none: nothing is there"):
        RemoteFile.open(LocalStore(), str(tmp_path / "none"))


def test_no_more_is_requested_than_the_limit(store: RecordingStore, path: Path) -> None:
    file = opened(store, path, limit_bytes=3 * BLOCK)
    file.read_at(0, 2 * BLOCK)
    file.read_at(BLOCK, BLOCK)  # is cached, and counts once
    with pytest.raises(ReadLimitReached, match="more than 192 bytes"):
        file.read_at(300, 2 * BLOCK)
    assert sum(end - start for start, end in store.ranges) == 2 * BLOCK
    assert file.read_at(300, 1) == DATA[300:301]
    with pytest.raises(ReadLimitReached):
        file.read_at(600, 1)


@pytest.mark.parametrize("size", [SIZE, SIZE + 9, 3])
def test_an_object_that_changes_in_between_is_refused(
    store: RecordingStore, path: Path, tmp_path: Path, size: int
) -> None:
    file = opened(store, path)
    assert file.read_at(0, 4) == DATA[:4]
    (tmp_path / "newer").write_bytes(bytes(size))
    os.utime(tmp_path / "newer", ns=(0, 0))
    (tmp_path / "newer").replace(path)
    with pytest.raises(ObjectChanged, match="has changed"):
        file.read_at(500, 4)
    assert file.read_at(0, 4) == DATA[:4]  # of the version that was opened


def test_an_object_that_goes_in_between_is_told(store: RecordingStore, path: Path) -> None:
    file = opened(store, path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.read(1)


def test_too_few_bytes_of_an_object_without_a_fingerprint_are_refused(
    store: RecordingStore, path: Path
) -> None:
    file = RemoteFile(store, ObjectInfo(str(path), SIZE + 10, 0.0), block_bytes=BLOCK)
    with pytest.raises(ObjectChanged, match="got 40 bytes of a range, needed 50"):
        file.read_at(SIZE - 1, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reads=st.lists(st.tuples(st.integers(0, SIZE + 100), st.integers(0, SIZE)), max_size=20))
def test_any_reads_give_what_the_file_holds(path: Path, reads: list[tuple[int, int]]) -> None:
    file = opened(LocalStore(), path)
    assert [file.read_at(*read) for read in reads] == [DATA[offset : offset + size] for offset, size in reads]
