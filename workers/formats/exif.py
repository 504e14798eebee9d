"""Tag directories as EXIF blocks and TIFF files hold them: read with bounds, written little-endian.

An EXIF block is a small TIFF without a picture (TIFF 6.0, section 2; EXIF 2.32, 4.5).
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

EXIF_POINTER, GPS_POINTER = 34_665, 34_853
ASCII, SHORT, LONG, UNDEFINED = 2, 3, 4, 7
# struct codes by TIFF type; rationals are two numbers.
CODES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
MOST_ENTRIES = 500
MOST_VALUE_BYTES = 1 << 16
ENTRY_BYTES = 12
HEADER = struct.pack("<2sHI", b"II", 42, 8)


@dataclass(frozen=True)
class ExifEntry:
    """One tag; `data` is little-endian whatever the block's order was."""

    tag: int
    kind: int
    count: int
    data: bytes

    @property
    def text(self) -> str:
        """An ASCII value as text; UTF-8 is taken as what most programs write."""
        return self.data.split(b"\0")[0].decode("utf-8", "replace").strip()


Directory = dict[int, ExifEntry]


@dataclass(frozen=True)
class ExifTags:
    """The three directories of an EXIF block that describe the picture."""

    main: Directory
    exif: Directory
    gps: Directory


NO_TAGS = ExifTags({}, {}, {})


def text_entry(tag: int, text: str) -> ExifEntry:
    """An ASCII tag, ended by a zero as TIFF wants it."""
    data = text.encode() + b"\0"
    return ExifEntry(tag, ASCII, len(data), data)


def short_entry(tag: int, value: int) -> ExifEntry:
    """A SHORT tag of one value."""
    return ExifEntry(tag, SHORT, 1, struct.pack("<H", value))


def read_tags(block: bytes) -> ExifTags:
    """The directories of an EXIF block; what is broken in it is left out."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < len(HEADER):
        return NO_TAGS
    main = _read(block, order, struct.unpack_from(f"{order}I", block, 4)[0])
    return ExifTags(
        main,
        _read(block, order, _pointed(main, EXIF_POINTER)),
        _read(block, order, _pointed(main, GPS_POINTER)),
    )


def _pointed(main: Directory, tag: int) -> int:
    entry = main.get(tag)
    return struct.unpack("<I", entry.data)[0] if entry and len(entry.data) == 4 else 0


def _read(block: bytes, order: str, at: int) -> Directory:
    if not 0 < at <= len(block) - 2:
        return {}
    (entries,) = struct.unpack_from(f"{order}H", block, at)
    directory: Directory = {}
    for index in range(min(entries, MOST_ENTRIES)):
        place = at + 2 + ENTRY_BYTES * index
        if place + ENTRY_BYTES > len(block):
            break
        entry = _entry(block, order, place)
        if entry is not None:
            directory[entry.tag] = entry
    return directory


def _entry(block: bytes, order: str, place: int) -> ExifEntry | None:
    tag, kind, count = struct.unpack_from(f"{order}HHI", block, place)
    code = CODES.get(kind)
    if code is None:
        return None
    length = struct.calcsize(f"={code}") * count
    start = place + 8 if length <= 4 else struct.unpack_from(f"{order}I", block, place + 8)[0]
    data = block[start : start + length]
    if length > MOST_VALUE_BYTES or len(data) != length:
        return None
    return ExifEntry(tag, kind, count, data if order == "<" or code in "sBb" else _swapped(data, code))


def _swapped(data: bytes, code: str) -> bytes:
    codes = f"{len(data) // struct.calcsize('=' + code[0])}{code[0]}"
    return struct.pack(f"<{codes}", *struct.unpack(f">{codes}", data))


def exif_block(tags: ExifTags) -> bytes:
    """The bare TIFF structure that holds `tags`; empty when there are none."""
    nested = {EXIF_POINTER: tags.exif, GPS_POINTER: tags.gps}
    nested = {pointer: directory for pointer, directory in nested.items() if directory}
    if not tags.main and not nested:
        return b""
    pointers = {tag: ExifEntry(tag, LONG, 1, bytes(4)) for tag in nested}
    at = len(HEADER) + len(directory_bytes((tags.main | pointers).values(), at=0))
    bodies = b""
    for tag, directory in nested.items():
        pointers[tag] = ExifEntry(tag, LONG, 1, struct.pack("<I", at + len(bodies)))
        bodies += directory_bytes(directory.values(), at=at + len(bodies))
    return HEADER + directory_bytes((tags.main | pointers).values(), at=len(HEADER)) + bodies


def directory_bytes(entries: Iterable[ExifEntry], *, at: int) -> bytes:
    """A classic directory that will lie at `at`, sorted by tag, then its long values."""
    ordered = sorted(entries, key=lambda entry: entry.tag)
    table = struct.pack("<H", len(ordered))
    values, values_at = b"", at + 2 + ENTRY_BYTES * len(ordered) + 4
    for entry in ordered:
        where = entry.data.ljust(4, b"\0")
        if len(entry.data) > 4:
            where = struct.pack("<I", values_at + len(values))
            values += entry.data + b"\0" * (len(entry.data) % 2)
        table += struct.pack("<HHI", entry.tag, entry.kind, entry.count) + where
    return table + bytes(4) + values


def kept(directory: Mapping[int, ExifEntry], tags: Iterable[int]) -> Directory:
    """The entries of `directory` whose tags are among `tags`."""
    return {tag: directory[tag] for tag in tags if tag in directory}
