"""What each file format can hold: colour spaces, sample types, transparency, how long a side may be.

Pure tables, so that a plan for the output can be made, and tested, without a pixel.
"""

from dataclasses import dataclass
from enum import StrEnum

from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.source import Format


class Space(StrEnum):
    """Kinds of colour that an output may be written in."""

    GREY = "grey"
    RGB = "RGB"
    CMYK = "CMYK"
    LAB = "Lab"


class Sample(StrEnum):
    """Sample types of outputs; the values are numpy's own names."""

    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    FLOAT32 = "float32"

    @property
    def bytes(self) -> int:
        return {Sample.UINT8: 1, Sample.UINT16: 2}.get(self, 4)

    @property
    def vips(self) -> str:
        """libvips' name of it."""
        return {"uint8": "uchar", "uint16": "ushort", "uint32": "uint", "float32": "float"}[self.value]


@dataclass(frozen=True)
class Holds:
    """Capabilities of one format. A limit is None where no picture of ours reaches it.

    `pixels` limits formats that are encoded in one piece, so that memory stays below about 2 GB.
    """

    spaces: tuple[Space, ...]
    samples: tuple[Sample, ...]
    alpha: bool
    profiles: bool = True
    side_px: int | None = None
    pixels: int | None = None


EIGHT = (Sample.UINT8,)
WHOLE_PIXELS = 100_000_000  # AVIF was measured at 19 bytes a pixel
HOLDS = {
    # 65500 is libjpeg's own limit, lower than the format's 65535.
    PictureFormat.JPEG: Holds((Space.GREY, Space.RGB, Space.CMYK), EIGHT, alpha=False, side_px=65_500),
    PictureFormat.PNG: Holds((Space.GREY, Space.RGB), (Sample.UINT8, Sample.UINT16), alpha=True),
    PictureFormat.WEBP: Holds((Space.RGB,), EIGHT, alpha=True, side_px=16_383, pixels=WHOLE_PIXELS),
    # AV1 keeps 12 of 16 bits; a warning says so.
    PictureFormat.AVIF: Holds(
        (Space.RGB,), (Sample.UINT8, Sample.UINT16), alpha=True, side_px=16_384, pixels=WHOLE_PIXELS
    ),
    PictureFormat.TIFF: Holds(tuple(Space), tuple(Sample), alpha=True),
    # Viewers in browsers ignore profiles of tiles more often than not: tiles are sRGB.
    PictureFormat.DZI: Holds((Space.RGB,), EIGHT, alpha=False, profiles=False),
    PictureFormat.IIIF: Holds((Space.RGB,), EIGHT, alpha=False, profiles=False),
}

# What `same` means for sources whose own format is not written.
FALLBACK = {Format.GIF: PictureFormat.PNG, Format.AVIF: PictureFormat.PNG}


def same_format(source: Format) -> PictureFormat:
    """The format that `same` stands for with this source."""
    return FALLBACK.get(source) or PictureFormat(source.value)


def fits(format: PictureFormat, width: int, height: int) -> bool:
    """Whether a picture of this size, in px, can be written in `format`."""
    holds = HOLDS[format]
    side, pixels = max(width, height), width * height
    return side <= (holds.side_px or side) and pixels <= (holds.pixels or pixels)


def limit_words(format: PictureFormat) -> str:
    """The limits of `format` as words for a message."""
    holds = HOLDS[format]
    limits = (
        f"{holds.side_px} px a side" if holds.side_px else "",
        f"{holds.pixels // 1_000_000} megapixels" if holds.pixels else "",
    )
    return " and ".join(filter(None, limits))
