"""Adds tags to a TIFF that has just been written: libvips drops EXIF there and cuts IPTC short.

The first directory is written anew at the end of the file, with the old one's entries and the new ones; all
pixels stay where they are. Classic TIFF and BigTIFF, little-endian as we write them.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from giornata.workers.formats.exif import EXIF_POINTER, GPS_POINTER, LONG, UNDEFINED, ExifEntry, ExifTags

IPTC_TAG = 33_723
LONG8 = 16


@dataclass(frozen=True)
class _Layout:
    """Field widths: how offsets and counts are stored."""

    offset: str
    entries: str
    entry: str
    inline: int  # bytes of a value that lie in its entry
    header_at: int
    pointer: int  # TIFF type of an offset to a nested directory


CLASSIC = _Layout("<I", "<H", "<HHI4s", 4, 4, LONG)
BIG = _Layout("<Q", "<Q", "<HHQ8s", 8, 8, LONG8)


def add_tags(path: Path, tags: ExifTags, *, iptc: bytes | None) -> None:
    """Puts `tags` and bare IIM data sets into the first directory of the TIFF at `path`, and syncs it.

    A tag that is there already is replaced. Raises `OSError` for a file that is not such a TIFF.
    """
    main = dict(tags.main)
    if iptc:
        main[IPTC_TAG] = ExifEntry(IPTC_TAG, UNDEFINED, len(iptc), iptc)
    nested = {EXIF_POINTER: tags.exif, GPS_POINTER: tags.gps}
    if not main and not any(nested.values()):
        return
    with path.open("r+b") as file:
        layout = _layout(file)
        for pointer, directory in nested.items():
            if directory:
                at = _append(file, layout, directory, following=bytes(layout.inline))
                main[pointer] = ExifEntry(pointer, layout.pointer, 1, struct.pack(layout.offset, at))
        old, following = _read(file, layout)
        at = _append(file, layout, main, old=old, following=following)
        file.seek(layout.header_at)
        file.write(struct.pack(layout.offset, at))
        file.flush()
        os.fsync(file.fileno())


def _layout(file: BinaryIO) -> _Layout:
    order, version = struct.unpack("<2sH", file.read(4))
    if order != b"II" or version not in (42, 43):
        raise OSError(f"{file.name} is not a little-endian TIFF")
    return CLASSIC if version == 42 else BIG


def _read(file: BinaryIO, layout: _Layout) -> tuple[dict[int, bytes], bytes]:
    """The first directory's entries as they are, by tag, and the offset of the next directory."""
    file.seek(layout.header_at)
    (at,) = struct.unpack(layout.offset, file.read(layout.inline))
    file.seek(at)
    (count,) = struct.unpack(layout.entries, file.read(struct.calcsize(layout.entries)))
    size = struct.calcsize(layout.entry)
    raw = [file.read(size) for _ in range(count)]
    return {struct.unpack("<H", entry[:2])[0]: entry for entry in raw}, file.read(layout.inline)


def _append(
    file: BinaryIO,
    layout: _Layout,
    new: dict[int, ExifEntry],
    *,
    following: bytes,
    old: dict[int, bytes] | None = None,
) -> int:
    """Writes a directory at the end of the file, its long values before it; returns its offset."""
    raw = dict(old or {})
    for tag, entry in new.items():
        raw[tag] = _stored(file, layout, entry)
    at = _end(file)
    file.write(struct.pack(layout.entries, len(raw)))
    file.write(b"".join(raw[tag] for tag in sorted(raw)) + following)
    return at


def _stored(file: BinaryIO, layout: _Layout, entry: ExifEntry) -> bytes:
    value = entry.data.ljust(layout.inline, b"\0")
    if len(value) > layout.inline:
        at = _end(file)
        file.write(entry.data)
        value = struct.pack(layout.offset, at)
    return struct.pack(layout.entry, entry.tag, entry.kind, entry.count, value)


def _end(file: BinaryIO) -> int:
    """The end of the file, padded to a multiple of eight: directories begin on word boundaries."""
    at = file.seek(0, os.SEEK_END)
    file.write(bytes(-at % 8))
    return at + -at % 8
