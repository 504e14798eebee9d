"""What a TIFF's tags rule out before its decoder is asked, and what they say that the decoder forgets.

Checks the sums that deflate keeps of every strip and tile: the decoder stops before it gets to them.

RFC 1950: a stream ends with the Adler-32 of what went into it. libtiff asks for as many samples as a strip
holds, and never for the end of the stream, so that most damage would pass for a picture.
"""

import zlib

from giornata.jobs.planning.tiff import (
    ASSOCIATED_ALPHA,
    BITS,
    COMPRESSION,
    EXTRA_SAMPLES,
    HEIGHT,
    MIN_IS_WHITE,
    PALETTE,
    PHOTOMETRIC,
    READ_BYTES,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES,
    TILE_HEIGHT,
    TILE_WIDTH,
    WIDTH,
    ReadAt,
    TiffPage,
)
from giornata.workers.decoding.options import DECODERS_MB, MEGA, Limits
from giornata.workers.decoding.source_file import SourceFile
from giornata.workers.errors import Rejected
from giornata.workers.source import RejectCode

WHOLE_BITS = (1, 2, 4, 8, 16, 32)
FLOAT, COMPLEX = 3, (5, 6)
UNCOMPRESSED = 1
# Those that libvips' own decoders in the wheel know.
COMPRESSIONS = {
    1: "none",
    2: "CCITT RLE",
    3: "CCITT G3",
    4: "CCITT G4",
    5: "LZW",
    7: "JPEG",
    8: "deflate",
    32_773: "PackBits",
    32_946: "deflate",
    50_001: "WebP",
}
OTHER_COMPRESSIONS = {
    6: "old-style JPEG",
    34_712: "JPEG 2000",
    34_887: "LERC",
    34_925: "LZMA",
    50_000: "Zstandard",
    50_002: "JPEG XL",
    52_546: "JPEG XL",
}


def refuse_tiff(source: SourceFile, page: TiffPage, limits: Limits) -> None:
    """Raises `Rejected` for tiles, samples and compressions that `page` claims and nobody can decode."""
    _refuse_tiles(source, page, limits)
    _refuse_bits(source, page)
    compression = page.value(COMPRESSION, UNCOMPRESSED)
    if compression != UNCOMPRESSED:
        _refuse_strips(source, page, limits)
    if compression not in COMPRESSIONS:
        name = OTHER_COMPRESSIONS.get(compression, f"scheme {compression}")
        needed = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        reason = f"got a TIFF compressed with {name}, which no decoder here knows; needed one of {needed}"
        raise Rejected(source.name, RejectCode.UNSUPPORTED_FORMAT, reason)


def tiff_flags(page: TiffPage) -> dict[str, bool]:
    """Flags that encoding needs and libvips does not report, by the names of the facts."""
    photometric = page.value(PHOTOMETRIC, -1)
    samples, bits = page.value(SAMPLES, 1), page.value(BITS, 1)
    return {
        "premultiplied": ASSOCIATED_ALPHA in page.values(EXTRA_SAMPLES),
        "palette": photometric == PALETTE,
        "bilevel": bits == 1 and samples == 1 and photometric != PALETTE,
        "min_is_white": photometric == MIN_IS_WHITE,
    }


def _refuse_tiles(source: SourceFile, page: TiffPage, limits: Limits) -> None:
    """A decoder takes memory for a whole tile or strip, however small the picture says it is."""
    size = f"{page.value(WIDTH, 0)}x{page.value(HEIGHT, 0)} px"
    across, down = page.value(TILE_WIDTH, 0), page.value(TILE_HEIGHT, 0)
    if across * down > limits.max_tile_pixels:
        reason = (
            f"{size} in tiles of {across}x{down} px: {across * down} pixels a tile,"
            f" the limit is {limits.max_tile_pixels} (max_tile_pixels)"
        )
        raise Rejected(source.name, RejectCode.TOO_LARGE, reason)


def _refuse_strips(source: SourceFile, page: TiffPage, limits: Limits) -> None:
    """A compressed strip is decoded in one piece, and many programs write the whole picture as one."""
    width, height = page.value(WIDTH, 0), page.value(HEIGHT, 0)
    rows = min(height, page.value(ROWS_PER_STRIP, height))
    bits = page.value(BITS, 1) * page.value(SAMPLES, 1)
    held_mb = 0 if TILE_WIDTH in page.entries else width * rows * bits / 8 / MEGA
    if held_mb + DECODERS_MB > limits.memory_mb:
        reason = (
            f"{width}x{height} px in compressed strips of {rows} rows: needed {held_mb + DECODERS_MB:.0f} MB"
            f" of memory, the limit is {limits.memory_mb} (memory_mb)"
        )
        raise Rejected(source.name, RejectCode.TOO_LARGE, reason)


def _refuse_bits(source: SourceFile, page: TiffPage) -> None:
    bits, formats = page.values(BITS) or (1,), page.values(SAMPLE_FORMAT)
    if len(set(bits)) > 1:
        reason = f"got samples of {', '.join(map(str, bits))} bits, needed the same number in all"
    elif set(formats) & set(COMPLEX):
        reason = "got complex numbers, needed samples of a picture"
    elif bits[0] not in WHOLE_BITS:
        kind = "floats" if FLOAT in formats else "samples"
        reason = (
            f"got {kind} of {bits[0]} bits, needed {', '.join(map(str, WHOLE_BITS))}; convert the file first"
        )
    else:
        return
    raise Rejected(source.name, RejectCode.UNSUPPORTED_DEPTH, reason)


DEFLATE = (8, 32_946)
OUT_BYTES = 1 << 20


def first_damage(page: TiffPage) -> str:
    """Message about the first strip or tile whose checksum does not fit; empty if all fit."""
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
