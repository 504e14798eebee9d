"""Takes the EXIF, XMP and IPTC blocks out of a source, each in one form whatever format it came from.

Runs inside the decoding process only; what the blocks mean is not looked at here.
"""

import pyvips

from giornata.workers.decoding.source_file import SourceFile
from giornata.workers.formats.exif_block import exif_of_texts, exif_of_tiff
from giornata.workers.source import WorkingFile

IPTC_TAG, PHOTOSHOP_TAG = 33_723, 34_377  # TIFF's
IPTC_RESOURCE = 0x0404  # Photoshop file format, image resources
EXIF_PREFIX, TIFF_STARTS = b"Exif\0\0", (b"II*\0", b"MM\0*")
DATA_SET = b"\x1c"  # IPTC IIM 4.2, 1.5: every data set begins with it
PHOTOSHOP_PREFIX = b"Photoshop 3.0\0"
COMMENT = "png-comment-"


def metadata_blocks(
    source: SourceFile, image: pyvips.Image, *, most: int
) -> tuple[dict[WorkingFile, bytes], tuple[str, ...]]:
    """The blocks of `source`, opened as `image`, and messages about the damaged ones that are left out."""
    blocks = {
        WorkingFile.EXIF: _exif(source, image, most),
        WorkingFile.XMP: _blob(image, "xmp-data").rstrip(b"\0"),
        WorkingFile.IPTC: _iptc(source, image, most),
    }
    problems = []
    if blocks[WorkingFile.EXIF] and not blocks[WorkingFile.EXIF].startswith(TIFF_STARTS):
        problems.append("EXIF left out: it is damaged")
        del blocks[WorkingFile.EXIF]
    return {name: block for name, block in blocks.items() if block}, tuple(problems)


def _blob(image: pyvips.Image, field: str) -> bytes:
    return bytes(image.get(field)) if image.get_typeof(field) != 0 else b""


def _exif(source: SourceFile, image: pyvips.Image, most: int) -> bytes:
    block = _blob(image, "exif-data").removeprefix(EXIF_PREFIX)
    if block:
        return block[:most]
    if source.page is not None:
        return exif_of_tiff(source.page)[:most]
    return exif_of_texts(_texts(image))[:most]


def _texts(image: pyvips.Image) -> dict[str, str]:
    """A PNG's texts by keyword: libvips names them png-comment-NUMBER-KEYWORD."""
    fields = (field for field in image.get_fields() if field.startswith(COMMENT))
    return {field.removeprefix(COMMENT).partition("-")[2]: image.get(field) for field in fields}


def _iptc(source: SourceFile, image: pyvips.Image, most: int) -> bytes:
    if source.page is None:
        block = _blob(image, "iptc-data")
        return block if block.startswith(DATA_SET) else _from_resources(block.removeprefix(PHOTOSHOP_PREFIX))
    # libvips cuts TIFF's block short where it was written as 32-bit numbers.
    block = source.page.data(IPTC_TAG, most=most)
    if not block.startswith(DATA_SET):
        block = _from_resources(source.page.data(PHOTOSHOP_TAG, most=most))
    return block.rstrip(b"\0")


def _from_resources(data: bytes) -> bytes:
    """The IPTC resource among Photoshop's: 8BIM, number, padded name, length, padded data."""
    at = 0
    while data[at : at + 4] == b"8BIM":
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name_bytes = (data[at + 6 : at + 7] or b"\0")[0] + 1
        start = at + 6 + name_bytes + name_bytes % 2
        length = int.from_bytes(data[start : start + 4], "big")
        if number == IPTC_RESOURCE:
            block = data[start + 4 : start + 4 + length]
            return block if block.startswith(DATA_SET) else b""
        at = start + 4 + length + length % 2
    return b""
