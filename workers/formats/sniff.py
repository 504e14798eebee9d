"""Tells what a file is from its first bytes, so that only decoders on the allow-list are ever asked."""

from giornata.workers.errors import Rejected
from giornata.workers.source import Format, RejectCode

HEAD_BYTES = 512  # enough for an XML declaration and comment before the first tag

READABLE: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0", Format.TIFF),  # BigTIFF
    (b"MM\0+", Format.TIFF),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
)

# Known, and not read: vector formats run programs, the others have no decoder here.
KNOWN_ELSEWHERE: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "Photoshop"),
    (b"BM", "BMP"),
    (b"P4", "PBM"),
    (b"P5", "PGM"),
    (b"P6", "PPM"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"v/1\x01", "OpenEXR"),
    (b"SIMPLE  =", "FITS"),
    (b"\0\0\1\0", "ICO"),
)
# Pictures like others, for which the wheels that bring the decoders have none; who has it is named.
MISSING_DECODERS = {"HEIC": "an HEVC", "JPEG 2000": "an OpenJPEG", "JPEG XL": "a libjxl"}
HEVC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
AVIF_BRANDS = (b"avif", b"avis")
WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body")


def identify(head: bytes, *, source: str) -> Format:
    """The format of a file that begins with `head`, its first `HEAD_BYTES` bytes or fewer.

    Raises `Rejected` as empty, not_an_image or unsupported_format.
    """
    if not head:
        raise Rejected(source, RejectCode.EMPTY, "the file holds no bytes")
    for magic, file_format in READABLE:
        if head.startswith(magic):
            return file_format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[4:8] == b"ftyp":
        return _iso_media(head, source=source)
    raise _refusal(head, source=source)


def _iso_media(head: bytes, *, source: str) -> Format:
    box_bytes = int.from_bytes(head[:4], "big")
    brands = (head[8:12], *(head[at : at + 4] for at in range(16, min(box_bytes, len(head)), 4)))
    if any(brand in AVIF_BRANDS for brand in brands):
        return Format.AVIF
    if any(brand in HEVC_BRANDS for brand in brands):
        raise _unsupported("HEIC", source=source)
    name = head[8:12].decode("ascii", "replace")
    raise _unsupported(f"HEIF or video (brand {name!r})", source=source)


def _refusal(head: bytes, *, source: str) -> Rejected:
    for magic, name in KNOWN_ELSEWHERE:
        if head.startswith(magic):
            return _unsupported(name, source=source)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text:
        return _unsupported("SVG", source=source)
    if text.startswith(WEB_PAGE):
        return Rejected(source, RejectCode.NOT_AN_IMAGE, "starts with <html>: a web page, not a picture")
    return Rejected(source, RejectCode.NOT_AN_IMAGE, f"starts with {head[:16]!r}, which no picture does")


def _unsupported(name: str, *, source: str) -> Rejected:
    reason = f"got {name}, needed one of {', '.join(Format)}"
    if decoder := MISSING_DECODERS.get(name):
        reason += f"; it takes {decoder} decoder, which is not part of this installation: convert it first"
    return Rejected(source, RejectCode.UNSUPPORTED_FORMAT, reason)
