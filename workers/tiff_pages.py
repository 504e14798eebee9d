"""Counts the true pages of a TIFF: libvips does not say which of them are reduced copies of the first."""

import os
import struct
from dataclasses import dataclass

SUBFILE_TYPE = 254  # TIFF 6.0, section 8: bit 0 marks a reduced copy
REDUCED = 1
MOST_DIRECTORIES = 10_000  # a directory that points back to itself must not hold us


@dataclass(frozen=True)
class _Layout:
    """Field widths of classic TIFF or BigTIFF, as struct codes with byte order."""

    offset: str
    count: str
    entry: str  # tag, type, number of values, then the value or its offset

    @classmethod
    def of(cls, head: bytes) -> "_Layout":
        order = "<" if head[:2] == b"II" else ">"
        if head[2:4].strip(b"\0") == b"+":
            return cls(order + "Q", order + "Q", order + "HHQ8s")
        return cls(order + "I", order + "H", order + "HHI4s")

    def unpack(self, code: str, descriptor: int, offset: int) -> tuple[int, ...]:
        data = os.pread(descriptor, struct.calcsize(code), offset)
        return struct.unpack(code, data) if len(data) == struct.calcsize(code) else ()


def full_size_pages(descriptor: int) -> int:
    """How many directories of an open TIFF are not marked as reduced copies; broken ones end the count."""
    layout = _Layout.of(os.pread(descriptor, 8, 0))
    at = layout.unpack(layout.offset, descriptor, 8 if layout.offset.endswith("Q") else 4)
    pages = 0
    for _ in range(MOST_DIRECTORIES):
        if not at or at[0] == 0:
            break
        reduced, at = _read_directory(layout, descriptor, at[0])
        pages += not reduced
    return pages


def _read_directory(layout: _Layout, descriptor: int, offset: int) -> tuple[bool, tuple[int, ...]]:
    """Whether the directory at `offset` is a reduced copy, and where the next one lies."""
    (entries,) = layout.unpack(layout.count, descriptor, offset) or (0,)
    first, entry_bytes = offset + struct.calcsize(layout.count), struct.calcsize(layout.entry)
    table = os.pread(descriptor, min(entries, 0xFFFF) * entry_bytes, first)
    whole = len(table) - len(table) % entry_bytes
    reduced = any(
        tag == SUBFILE_TYPE and struct.unpack(layout.offset[0] + "I", value[:4])[0] & REDUCED
        for tag, _, _, value in struct.iter_unpack(layout.entry, table[:whole])
    )
    return reduced, layout.unpack(layout.offset, descriptor, first + entries * entry_bytes)
