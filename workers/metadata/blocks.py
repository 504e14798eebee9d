"""The blocks of metadata that an output carries, ready made, and how they are put into a picture."""

from dataclasses import dataclass, replace

import pyvips

from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.color.to_working import PROFILE_FIELD

MM_PER_INCH = 25.4
UNKNOWN_DPI = (72.0, 72.0)  # libvips writes something always, and its own 25.4 confuses print programs
# One JPEG segment less its length and name: longer packets break readers (libvips issues 311 and 1329).
JPEG_XMP_BYTES = 65_535 - 2 - 29
JPEG_EXIF_BYTES = 65_535 - 2 - 6
JPEG_IPTC_BYTES = 65_535 - 2 - 28
FIELDS = {"xmp": "xmp-data", "exif": "exif-data", "iptc": "iptc-data"}
PHOTOSHOP = b"Photoshop 3.0\x00"
IIM_RESOURCE = b"8BIM\x04\x04\x00\x00"
EXIF_MARK = b"Exif\x00\x00"


@dataclass(frozen=True)
class Blocks:
    """Metadata as bytes: an XMP packet, a bare TIFF structure with EXIF, bare IIM data sets; None is none."""

    xmp: bytes | None = None
    exif: bytes | None = None
    iptc: bytes | None = None


NO_BLOCKS = Blocks()
# Where each format has a place: TIFF's EXIF and IPTC are tags, which are added after writing.
HELD = {
    PictureFormat.JPEG: ("xmp", "exif", "iptc"),
    PictureFormat.PNG: ("xmp", "exif"),
    PictureFormat.WEBP: ("xmp", "exif"),
    PictureFormat.AVIF: ("xmp", "exif"),
    PictureFormat.TIFF: ("xmp",),
    PictureFormat.DZI: (),
    PictureFormat.IIIF: (),
}
LIMIT_BYTES = {"xmp": JPEG_XMP_BYTES, "exif": JPEG_EXIF_BYTES, "iptc": JPEG_IPTC_BYTES}


def fitting(blocks: Blocks, format: PictureFormat) -> tuple[Blocks, tuple[str, ...]]:
    """`blocks` without what is too long for `format`, and a warning for each that was left out."""
    if format is not PictureFormat.JPEG:
        return blocks, ()
    too_long = {
        name: len(data)
        for name, most in LIMIT_BYTES.items()
        if len(data := getattr(blocks, name) or b"") > most
    }
    warnings = tuple(
        f"{name.upper()} of {length} bytes is too long for JPEG: it is in the sidecar only"
        for name, length in too_long.items()
    )
    return replace(blocks, **dict.fromkeys(too_long)), warnings


def tagged(
    image: pyvips.Image,
    format: PictureFormat,
    *,
    blocks: Blocks,
    profile: bytes | None,
    dpi: tuple[float, float] | None,
) -> pyvips.Image:
    """`image` with profile, resolution and those blocks that libvips writes into `format`; nothing else."""
    image = image.copy()
    for field in [name for name in image.get_fields() if name.endswith("-data")]:
        image.remove(field)
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    for name in HELD[format]:
        data = getattr(blocks, name)
        if data is not None:
            image.set_type(pyvips.GValue.blob_type, FIELDS[name], _wrapped(name, data))
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    across, down = dpi or UNKNOWN_DPI
    return image.copy(xres=across / MM_PER_INCH, yres=down / MM_PER_INCH)


def _wrapped(name: str, data: bytes) -> bytes:
    """As libvips' writers want them: EXIF with its mark, IIM inside a Photoshop resource."""
    if name == "exif":
        return EXIF_MARK + data
    if name == "iptc":
        return PHOTOSHOP + IIM_RESOURCE + len(data).to_bytes(4, "big") + data + b"\0" * (len(data) % 2)
    return data
