"""`copy_header`: of an object only what its header is read from, in a local file with holes for the rest.

A picture of many gigabytes is then looked at by a few requests of some kilobytes.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from giornata.jobs.planning.tiff import TYPE_BYTES, TiffPage, data_runs, level_for, levels_of, read_pages
from giornata.jobs.storage.base import ObjectInfo, ObjectStore
from giornata.workers.formats.jpeg import SOS, header_segments
from giornata.workers.formats.sniff import HEAD_BYTES, identify
from giornata.workers.source import Format

BLOCK_BYTES = 1 << 16
MOST_HEADER_BYTES = 64 << 20
MOST_AT_ONCE_BYTES = 8 << 20
SOS_BYTES = 64  # more than the segment of a scan has before its data
PNG_START, PNG_CHUNK_BYTES, PNG_SAMPLES = 8, 12, b"IDAT"  # length, name, checksum


class PartialFile:
    """A local copy with holes: as long as an object, it holds the blocks that were read. Use it in a `with`.

    Unlike `RemoteFile`, which reads from memory, it leaves a file for those who need a path or a descriptor:
    libvips, and the parser of JPEG segments. The blocks lie on disk, so none is read twice.
    """

    def __init__(self, store: ObjectStore, entry: ObjectInfo, path: Path) -> None:
        self._store, self._entry = store, entry
        self._file = path.open("w+b")
        self._file.truncate(entry.bytes)
        self._there: set[int] = set()

    def __enter__(self) -> "PartialFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def descriptor(self) -> int:
        """Descriptor of the open file."""
        return self._file.fileno()

    @property
    def size(self) -> int:
        """Size of the object in bytes."""
        return self._entry.bytes

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the object, fewer at its end; missing blocks are fetched. Raises `StorageError`."""
        end = min(offset + size, self._entry.bytes)
        if end <= offset:
            return b""
        for first, last in self._missing(offset // BLOCK_BYTES, (end - 1) // BLOCK_BYTES):
            start = first * BLOCK_BYTES
            stop = min((last + 1) * BLOCK_BYTES, self._entry.bytes)
            data = self._store.read(self._entry.name, start=start, length=stop - start)
            os.pwrite(self.descriptor, data, start)
            self._there.update(range(first, last + 1))
        return os.pread(self.descriptor, end - offset, offset)

    def _missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Runs of missing blocks, by their first and last block."""
        begun: int | None = None
        for block in range(first, last + 2):
            is_missing = block <= last and block not in self._there
            if is_missing and begun is None:
                begun = block
            elif not is_missing and begun is not None:
                yield begun, block - 1
                begun = None


def copy_header(copy: PartialFile, *, source: str) -> bool:
    """Copy the bytes that a picture's header is read from; False where only the whole object will do.

    Raises `Rejected` for what is no picture of a readable format, `StorageError`.
    """
    match identify(copy.read(0, HEAD_BYTES), source=source):
        case Format.TIFF:
            _bring_directories(copy)
        case Format.JPEG:
            _bring_segments(copy)
        case Format.PNG:
            _bring_chunks(copy)
        case _:
            return False
    return True


def copy_level(copy: PartialFile, *, page: int, side_px: int, most_bytes: int, source: str) -> bool:
    """Copy the bytes that show a TIFF's full-size `page` (from 0) in a square of `side_px`.

    Of a pyramid, one level. False where they are more than `most_bytes`, or unknown.

    Raises `Rejected` for what is no picture of a readable format, `StorageError`.
    """
    if identify(copy.read(0, HEAD_BYTES), source=source) is not Format.TIFF:
        return False
    pages = read_pages(copy.read)
    full = [directory for directory in pages if not directory.reduced]
    if page >= len(full):
        return False
    level = level_for(full[page], pages, side_px=side_px)
    runs = data_runs(level)
    if runs is None or sum(size for _, size in runs) > most_bytes:
        return False
    _bring(copy, [*pages, *(below for directory in full for below in levels_of(directory, pages))])
    for offset, size in joined(runs):
        copy.read(offset, size)
    return True


def joined(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs of bytes in order, close neighbours merged as long as a run is not large."""
    start = end = 0
    for offset, size in sorted(runs):
        if end and (offset > end + BLOCK_BYTES or offset + size - start > MOST_AT_ONCE_BYTES):
            yield start, end - start
            end = 0
        start, end = (start, max(end, offset + size)) if end else (offset, offset + size)
    if end:
        yield start, end - start


def _bring_directories(copy: PartialFile) -> None:
    _bring(copy, read_pages(copy.read))


def _bring(copy: PartialFile, pages: Iterable[TiffPage]) -> None:
    """Copy the values of all tags of the directories."""
    left = MOST_HEADER_BYTES
    for page in pages:
        for entry in page.entries.values():
            size = min(entry.count * TYPE_BYTES.get(entry.kind, 0), left)
            left -= len(copy.read(entry.at, size))


def _bring_segments(copy: PartialFile) -> None:
    """Copy the start of the file in growing steps, until the head of the first scan is in it."""
    size = BLOCK_BYTES
    while size <= MOST_HEADER_BYTES:
        copy.read(0, size)
        if size >= copy.size or _scan_at(copy) + SOS_BYTES <= size:
            return
        size *= 4


def _scan_at(copy: PartialFile) -> int:
    """Offset of the first scan; the end of the file where the scan is not copied yet."""
    scans = (segment.at for segment in header_segments(copy.descriptor) if segment.marker == SOS)
    return next(scans, copy.size)


def _bring_chunks(copy: PartialFile) -> None:
    at = PNG_START
    while at < min(copy.size, MOST_HEADER_BYTES):
        head = copy.read(at, PNG_CHUNK_BYTES)
        if len(head) < PNG_CHUNK_BYTES or head[4:8] == PNG_SAMPLES:
            return
        size = int.from_bytes(head[:4], "big")
        copy.read(at, min(size, MOST_HEADER_BYTES) + PNG_CHUNK_BYTES)
        at += size + PNG_CHUNK_BYTES
