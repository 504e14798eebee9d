"""Builds an EXIF block from what formats without one say elsewhere: a TIFF's own tags, a PNG's texts.

An EXIF block is a small TIFF without a picture (EXIF 2.32, 4.5). Here it begins with its byte order.
"""

import struct
from dataclasses import dataclass

from giornata.jobs.planning.tiff import TYPE_BYTES, TiffPage, read_directory

EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY, MAKER_NOTE = 34_665, 34_853, 40_965, 37_500
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33_432)  # what it shows, camera, program, time, artist, rights
ASCII, LONG = 2, 4
CLASSIC_TYPES = range(1, 14)
MOST_VALUE_BYTES, MOST_DIRECTORY_BYTES = 1 << 16, 1 << 20
# PNG, third edition, 11.3.3.1: keywords that EXIF has a tag for.
PNG_KEYWORDS = {"Description": 270, "Software": 305, "Author": 315, "Copyright": 33_432}


@dataclass(frozen=True)
class Value:
    """One tag's value as it lies in the block."""

    tag: int
    kind: int
    count: int
    data: bytes


def exif_of_tiff(page: TiffPage) -> bytes:
    """The descriptive tags of a TIFF's directory, with its EXIF and GPS directories; empty if there are none.

    Maker notes are left out: they point to places in the file they were taken from.
    """
    main = [value for value in _values(page) if value.tag in DESCRIPTIVE]
    nested = {
        tag: _values(_nested(page, tag)) for tag in (EXIF_DIRECTORY, GPS_DIRECTORY) if tag in page.entries
    }
    nested = {tag: values for tag, values in nested.items() if values}
    return _block(page.order, main, nested) if main or nested else b""


def exif_of_texts(texts: dict[str, str]) -> bytes:
    """The texts whose keywords EXIF knows; empty if there are none."""
    values = []
    for keyword, tag in PNG_KEYWORDS.items():
        if text := texts.get(keyword):
            data = text.encode() + b"\0"
            values.append(Value(tag, ASCII, len(data), data))
    return _block("<", values, {}) if values else b""


def _nested(page: TiffPage, tag: int) -> TiffPage:
    entries, _ = read_directory(page.read, page.value(tag, 0))
    return TiffPage(page.read, page.order, -1, entries)


def _values(page: TiffPage) -> list[Value]:
    values, left = [], MOST_DIRECTORY_BYTES
    for tag, entry in sorted(page.entries.items()):
        size = entry.count * TYPE_BYTES.get(entry.kind, 0)
        usable = entry.kind in CLASSIC_TYPES and 0 < size <= min(MOST_VALUE_BYTES, left)
        if usable and tag not in (MAKER_NOTE, INTEROPERABILITY):
            data = page.data(tag, most=size)
            left -= size
            if len(data) == size:
                values.append(Value(tag, entry.kind, entry.count, data))
    return values


def _block(order: str, main: list[Value], nested: dict[int, list[Value]]) -> bytes:
    """The directories one after another, each followed by its long values."""
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    pointers = [Value(tag, LONG, 1, bytes(4)) for tag in nested]
    at = len(header) + len(_directory(order, [*main, *pointers], 0))
    bodies, pointers = b"", []
    for tag, values in nested.items():
        pointers.append(Value(tag, LONG, 1, struct.pack(f"{order}I", at + len(bodies))))
        bodies += _directory(order, values, at + len(bodies))
    return header + _directory(order, [*main, *pointers], len(header)) + bodies


def _directory(order: str, values: list[Value], at: int) -> bytes:
    """The directory that begins `at` in the block, sorted by tag as TIFF wants it, and its long values."""
    values = sorted(values, key=lambda value: value.tag)
    table = struct.pack(f"{order}H", len(values))
    data, data_at = b"", at + 2 + 12 * len(values) + 4
    for value in values:
        where = value.data.ljust(4, b"\0")
        if len(value.data) > 4:
            where = struct.pack(f"{order}I", data_at + len(data))
            data += value.data + b"\0" * (len(value.data) % 2)
        table += struct.pack(f"{order}HHI", value.tag, value.kind, value.count) + where
    return table + bytes(4) + data
