"""Checks the sums that deflate keeps of every strip and tile: the decoder stops before it gets to them.

RFC 1950: a stream ends with the Adler-32 of what went into it. libtiff asks for as many samples as a strip
holds, and never for the end of the stream, so that most damage would pass for a picture.
"""

import struct
import zlib
from collections.abc import Iterator

from giornata.jobs.tiff_pages import COMPRESSION, NUMBERS, TILE_WIDTH, TYPE_BYTES, ReadAt, TiffPage

DEFLATE = (8, 32_946)
STRIPS, TILES = (273, 279), (324, 325)  # offsets, and lengths in bytes
READ_BYTES, OUT_BYTES = 1 << 16, 1 << 20


def first_damage(page: TiffPage) -> str:
    """What is wrong with the first strip or tile whose sum does not fit, in words; nothing if all fit."""
    if page.value(COMPRESSION, 1) not in DEFLATE:
        return ""
    kind = "tile" if TILE_WIDTH in page.entries else "strip"
    offsets, lengths = TILES if kind == "tile" else STRIPS
    for number, (at, length) in enumerate(zip(_all(page, offsets), _all(page, lengths), strict=False)):
        if problem := _problem(page.read, at, length):
            return f"{kind} {number}: {problem}"
    return ""


def _all(page: TiffPage, tag: int) -> Iterator[int]:
    """All numbers of a tag, however many."""
    entry = page.entries.get(tag)
    if entry is None or entry.kind not in NUMBERS:
        return
    size = TYPE_BYTES[entry.kind]
    for start in range(0, entry.count * size, READ_BYTES):
        data = page.read(entry.at + start, min(READ_BYTES, entry.count * size - start))
        whole = len(data) // size * size
        yield from (value for (value,) in struct.iter_unpack(page.order + NUMBERS[entry.kind], data[:whole]))
        if whole < len(data) or not data:
            return


def _problem(read: ReadAt, at: int, length: int) -> str:
    stream, end = zlib.decompressobj(), at + length
    try:
        while at < end and not stream.eof and (data := read(at, min(READ_BYTES, end - at))):
            at += len(data)
            while data and not stream.eof:
                stream.decompress(data, OUT_BYTES)
                data = stream.unconsumed_tail
    except zlib.error as error:
        return str(error)
    return "" if stream.eof else "its data has no end"
