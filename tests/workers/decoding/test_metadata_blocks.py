"""Metadata blocks come out of every format in one form, and are bounded."""

import io
import struct
from pathlib import Path

import pytest
import tifffile
from PIL import Image, PngImagePlugin

from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected
from giornata.workers.source import RejectCode, WorkingFile
from tests.workers import hostile
from tests.workers.pictures import noise, photo, written

ARTIST, RIGHTS, EXIF_DIRECTORY, LENS = 315, 33_432, 34_665, 42_036
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
IIM = b"\x1c\x02\x50\x00\x05Hirsh"  # By-line
FORMATS = ("jpeg", "png", "webp", "tiff", "avif")


def exif() -> Image.Exif:
    block = Image.Exif()
    block[ARTIST], block[RIGHTS] = "A. Painter", "© the heirs"
    block.get_ifd(EXIF_DIRECTORY)[LENS] = "a lens with a long name"
    return block


def resources(number: int, data: bytes) -> bytes:
    """Photoshop's wrapping, with another resource before the one that is meant."""
    other = b"8BIM" + struct.pack(">H", 0x03ED) + b"\x03abc" + struct.pack(">I", 3) + b"123\0"
    return other + b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data)) + data


def decoded(sandbox: Sandbox, folder: Path, data: bytes) -> DecodedImage:
    return sandbox.decode(written(folder / "a", data), folder / "scratch")


def tiff_with_exif() -> bytes:
    """A TIFF with descriptive tags, XMP, and an EXIF directory behind everything else."""
    file = io.BytesIO()
    ascii = [(ARTIST, "s", 0, "A. Painter", True), (RIGHTS, "s", 0, "(c) the heirs", True)]
    tags = [
        *ascii,
        (700, "B", len(XMP), XMP, True),
        (EXIF_DIRECTORY + 1, "I", 1, 0, True),
    ]  # it refuses the true number
    tifffile.imwrite(file, noise(), photometric="rgb", extratags=tags)
    data = bytearray(file.getvalue() + bytes(len(file.getvalue()) % 2))
    with tifffile.TiffFile(io.BytesIO(data)) as read:
        at = read.pages.first.tags[EXIF_DIRECTORY + 1].offset
    data[at : at + 12] = struct.pack("<HHII", EXIF_DIRECTORY, 4, 1, len(data))
    lens = b"a lens with a long name\0"
    data += struct.pack("<HHHIII", 1, LENS, 2, len(lens), len(data) + 18, 0) + lens
    return bytes(data)


def saved(format: str) -> bytes:
    file = io.BytesIO()
    if format == "tiff":  # only here are the tags not a block of their own
        return tiff_with_exif()
    if format == "png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        Image.fromarray(photo()).save(file, format, exif=exif(), pnginfo=texts)
    else:
        Image.fromarray(photo()).save(file, format, exif=exif(), xmp=XMP)
    return file.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_exif_and_xmp_come_out_of_every_format(sandbox: Sandbox, tmp_path: Path, format: str) -> None:
    picture = decoded(sandbox, tmp_path, saved(format))
    assert picture.exif_path is not None
    assert picture.xmp_path is not None
    block = picture.exif_path.read_bytes()
    assert block[:4] in (b"II*\0", b"MM\0*")
    read = Image.Exif()
    read.load(block)
    assert (read[ARTIST], read.get_ifd(EXIF_DIRECTORY)[LENS]) == ("A. Painter", "a lens with a long name")
    assert "heirs" in read[RIGHTS]
    assert picture.xmp_path.read_bytes() == XMP
    assert (picture.facts.exif_bytes, picture.facts.xmp_bytes) == (len(block), len(XMP))


def test_a_picture_without_blocks_leaves_no_files(sandbox: Sandbox, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(photo()).save(file, "png")
    picture = decoded(sandbox, tmp_path, file.getvalue())
    assert (picture.exif_path, picture.xmp_path, picture.iptc_path) == (None, None, None)
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [WorkingFile.PIXELS]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(hostile.jpeg_with(b"Photoshop 3.0\0" + resources(0x0404, IIM), marker=0xED), id="jpeg"),
        pytest.param((33_723, "B", len(IIM), IIM, True), id="tiff in bytes"),
        pytest.param(
            (33_723, "I", 3, struct.unpack("<3I", IIM.ljust(12, b"\0")), True), id="tiff in 32-bit numbers"
        ),
        pytest.param(
            (34_377, "B", len(resources(0x0404, IIM)), resources(0x0404, IIM), True), id="tiff by photoshop"
        ),
    ],
)
def test_iptc_is_unwrapped_and_whole(
    sandbox: Sandbox, tmp_path: Path, data: bytes | tuple[object, ...]
) -> None:
    if isinstance(data, tuple):
        file = io.BytesIO()
        tifffile.imwrite(file, noise(), photometric="rgb", extratags=[data])
        data = file.getvalue()
    picture = decoded(sandbox, tmp_path, data)
    assert picture.iptc_path is not None
    assert picture.iptc_path.read_bytes() == IIM


def test_the_texts_of_a_png_become_exif(sandbox: Sandbox, tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "A. Painter")
    texts.add_text("Copyright", "© the heirs")
    texts.add_text("Nonsense", "left alone")
    file = io.BytesIO()
    Image.fromarray(photo()).save(file, "png", pnginfo=texts)
    picture = decoded(sandbox, tmp_path, file.getvalue())
    assert picture.exif_path is not None
    read = Image.Exif()
    read.load(picture.exif_path.read_bytes())
    assert read[ARTIST] == "A. Painter"


def test_a_damaged_exif_block_is_left_out_and_told(sandbox: Sandbox, tmp_path: Path) -> None:
    picture = decoded(sandbox, tmp_path, hostile.jpeg_with(b"Exif\0\0garbage", marker=0xE1))
    assert picture.exif_path is None
    assert picture.facts.warnings == ("EXIF left out: it is damaged",)


def test_more_metadata_than_allowed_is_refused_by_the_limits_name(sandbox: Sandbox, tmp_path: Path) -> None:
    path = written(tmp_path / "a", hostile.jpeg_with(b"Exif\0\0II*\0" + bytes(5000), marker=0xE1))
    reading = DecodeOptions(limits=Limits(max_metadata_bytes=4000))
    with pytest.raises(Rejected, match="max_metadata_bytes") as caught:
        sandbox.decode(path, tmp_path / "scratch", reading)
    assert caught.value.args[1] is RejectCode.TOO_LARGE


def test_a_tiffs_tag_that_lies_about_its_length_is_left_out(sandbox: Sandbox, tmp_path: Path) -> None:
    file = io.BytesIO()
    artist = (ARTIST, "s", 0, "A. Painter", True)
    tifffile.imwrite(file, noise(), photometric="rgb", software="Scanner 1.0", extratags=[artist])
    data = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as read:
        at = read.pages.first.tags["Artist"].offset + 4
    data[at : at + 4] = struct.pack("<I", 2**31)
    picture = decoded(sandbox, tmp_path, bytes(data))
    assert picture.exif_path is not None
    block = Image.Exif()
    block.load(picture.exif_path.read_bytes())
    assert ARTIST not in block
    assert block[305] == "Scanner 1.0"
