"""Files that are damaged, lie about themselves or are merely rare, each made in a few kilobytes."""

import io
import struct

import numpy as np
from PIL import Image

from tests.workers.pictures import Samples, encoded, noise, photo, png_header

LONG = 4


def raw_tiff(tags: dict[int, int], data: bytes = b"") -> bytes:
    """A little-endian TIFF of one directory with these whole numbers as tags; its data begins at byte 8."""
    table = struct.pack("<H", len(tags))
    for tag, value in sorted(tags.items()):
        table += struct.pack("<HHII", tag, LONG, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + table + bytes(4)


def grey_tiff(*, width: int, height: int, bits: int = 8, compression: int = 1) -> bytes:
    """A grey TIFF that claims this size; its one strip holds a few zeros, whatever the size needs."""
    data = bytes(min(4096, (width * height * bits + 7) // 8))
    tags = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 273: 8, 277: 1, 278: height}
    tags[279] = len(data)
    return raw_tiff(tags, data)


def tile_bomb() -> bytes:
    """A TIFF of one pixel in one tile of 2^30."""
    tags = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 277: 1, 322: 32_768, 323: 32_768, 324: 8, 325: 64}
    return raw_tiff(tags, bytes(64))


def overlapping_directories() -> bytes:
    """A TIFF in which every 14th byte begins a directory of 4,000 entries and leads to the next."""
    step, last = 14, 3000
    size = 8 + step * last + 2 + 12 * 4000 + 4
    data = bytearray(size)
    data[:8] = b"II*\0" + struct.pack("<I", 8)
    for number in range(last):
        at = 8 + step * number
        data[at : at + 2] = struct.pack("<H", 4000)
        end = at + 2 + 12 * 4000
        if end + 4 <= size:
            data[end : end + 4] = struct.pack("<I", at + step)
    return bytes(data)


def bomb(format: str, side: int) -> bytes:
    """A file of a few kilobytes whose header claims a square of `side`, or of the most the format can say."""
    if format == "png":
        return png_header(width=side, height=side, bit_depth=8)
    if format == "tiff":
        return grey_tiff(width=side, height=side)
    data = bytearray(encoded(format))
    if format == "jpeg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", min(side, 65_500), min(side, 65_500))
    elif format == "gif":
        data[6:10] = struct.pack("<HH", min(side, 65_535), min(side, 65_535))
        at = data.index(b"\x2c\0\0\0\0") + 5  # the frame
        data[at : at + 4] = data[6:10]
    elif format == "avif":
        at = data.index(b"ispe") + 8
        data[at : at + 8] = struct.pack(">II", side, side)
    elif format == "webp":
        at = data.index(b"\x9d\x01\x2a") + 3  # RFC 6386, 9.1: the start code of a key frame
        data[at : at + 4] = struct.pack("<HH", min(side, 16_383), min(side, 16_383))
        data[24:30] = (min(side, 16_383) - 1).to_bytes(3, "little") * 2  # the canvas: RFC 9649, 2.7
    return bytes(data)


def cut(format: str, share: float = 0.5) -> bytes:
    """The first part of a good file."""
    data = encoded(format)
    return data[: int(len(data) * share)]


def jpeg_header_only() -> bytes:
    data = encoded("jpeg")
    return data[: data.index(b"\xff\xda")]


def jpeg_with_a_hole() -> bytes:
    """A JPEG whose scan lost what lay between two of its places: a marker stands there."""
    data = bytearray(encoded("jpeg"))
    middle = data.index(b"\xff\xda") + len(data) // 2
    data[middle : middle + 40] = b"\xff\xd3" * 20
    return bytes(data)


def jpeg_with(segment: bytes, *, marker: int) -> bytes:
    """A good JPEG with one more header segment."""
    data = encoded("jpeg")
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def jpeg_with_stray(stray: bytes) -> bytes:
    """A good JPEG with these bytes between two of its header's segments."""
    data = encoded("jpeg")
    at = data.index(b"\xff\xdb")
    return data[:at] + stray + data[at:]


def png_with_one_flipped_byte() -> bytes:
    data = bytearray(encoded("png"))
    data[len(data) // 2] ^= 0x55
    return bytes(data)


def animation(format: str) -> bytes:
    """Four frames, the first of them a piece of a photograph."""
    frames = [Image.fromarray(photo()[:, shift : shift + 40]) for shift in (0, 8, 16, 24)]
    file = io.BytesIO()
    frames[0].save(file, format, save_all=True, append_images=frames[1:], lossless=True)
    return file.getvalue()


def bilevel() -> Samples:
    """A page in black and white: uint8, H x W, 0 or 255."""
    return (noise(bands=1) > 128).astype(np.uint8) * 255


def heic() -> bytes:
    """The beginning of a telephone's picture."""
    return struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(400)
