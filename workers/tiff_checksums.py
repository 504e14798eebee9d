"""Checks the sums that deflate keeps of every strip and tile: the decoder stops before it gets to them.

RFC 1950: a stream ends with the Adler-32 of what went into it. libtiff asks for as many samples as a strip
holds, and never for the end of the stream, so that most damage would pass for a picture.
"""

import zlib

from giornata.jobs.planning.tiff_pages import COMPRESSION, READ_BYTES, ReadAt, TiffPage

DEFLATE = (8, 32_946)
OUT_BYTES = 1 << 20


def first_damage(page: TiffPage) -> str:
    """What is wrong with the first strip or tile whose sum does not fit, in words; nothing if all fit."""
    if page.value(COMPRESSION, 1) not in DEFLATE:
        return ""
    for number, (at, length) in enumerate(page.runs()):
        if problem := _problem(page.read, at, length):
            return f"{'tile' if page.is_tiled else 'strip'} {number}: {problem}"
    return ""


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
