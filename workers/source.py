"""What is known about a source before and after decoding: its facts, its verdict, its working files' names.

Free of numpy on purpose: the decoding process imports this, and starts twice as fast without it.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Format(StrEnum):
    """Formats that are read, named by content and never by the file's extension."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    TIFF = "tiff"
    GIF = "gif"
    AVIF = "avif"


class Depth(StrEnum):
    """Sample types that are rendered; the values are numpy's own names."""

    UINT8 = "uint8"
    UINT16 = "uint16"

    @property
    def bytes(self) -> int:
        return 1 if self is Depth.UINT8 else 2


class Stored(StrEnum):
    """Sample types as sources store them; the values are numpy's own names."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class ResolutionUnit(StrEnum):
    """What the source counts its resolution in; `SourceFacts.dpi` is per inch all the same."""

    NONE = "none"
    INCH = "inch"
    CM = "cm"


class RejectCode(StrEnum):
    """Why a source cannot be rendered."""

    MISSING = "missing"
    PERMISSION = "permission"
    NOT_A_FILE = "not_a_file"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UNSUPPORTED_BANDS = "unsupported_bands"
    UNSUPPORTED_DEPTH = "unsupported_depth"
    MULTI_PAGE = "multi_page"
    TOO_LARGE = "too_large"
    BOMB = "bomb"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    MEMORY = "memory"
    TIMEOUT = "timeout"
    CRASHED = "crashed"


class ProfileUse(StrEnum):
    """What is done with the source's ICC profile on the way to working sRGB."""

    NONE = "none"  # there is no profile
    SRGB = "srgb"  # it describes sRGB: samples pass untouched
    CONVERT = "convert"
    UNUSABLE = "unusable"  # broken, or made for other channels: dropped with a warning


class WorkingFile(StrEnum):
    """Names of the files that decoding leaves in a picture's scratch folder."""

    PIXELS = "pixels.npy"
    ALPHA = "alpha.npy"
    PROFILE = "source.icc"
    EXIF = "exif.bin"  # the bare TIFF structure: begins with II*\0 or MM\0*, without "Exif\0\0"
    XMP = "xmp.xml"  # the packet, as it was found
    IPTC = "iptc.bin"  # bare IIM data sets: begins with 0x1C, without Photoshop's wrapping
    STAGE = "stage.raw"  # only while decoding


class SourceFacts(BaseModel):
    """What the header says. `width` and `height` are px after the orientation has been applied.

    `bands`, `stored`, `bits`, `interpretation` and the flags describe the source as it lies on the disk,
    and `depth` the working samples made of it: Lab and everything with a declared range works in 16 bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    format: Format
    width: int
    height: int
    bands: int  # as stored, alpha included
    depth: Depth
    stored: Stored = Stored.UINT8
    bits: int = 8  # of one stored sample; 1 to 4 are bilevel, small greys and palettes
    interpretation: str  # libvips' name for the stored colour: b-w, grey16, srgb, rgb16, cmyk, lab, labs
    has_alpha: bool
    premultiplied: bool = False  # alpha was associated; the working samples are not
    palette: bool = False
    bilevel: bool = False
    min_is_white: bool = False
    float_range: tuple[float, float] | None = None  # what was mapped to 0..1, for samples without a range
    orientation: int  # EXIF 1..8; 1 is upright
    profile: ProfileUse
    profile_bytes: int
    profile_sha256: str | None
    dpi: tuple[float, float] | None
    resolution_unit: ResolutionUnit = ResolutionUnit.NONE
    exif_bytes: int = 0
    xmp_bytes: int = 0
    iptc_bytes: int = 0
    pages: int
    page: int = 0  # the one that these facts are of, from 0
    interlaced: bool
    file_bytes: int
    warnings: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        return self.width * self.height


class Verdict(BaseModel):
    """One source's verdict: facts when it can be rendered, a code and a reason when it cannot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    facts: SourceFacts | None = None
    code: RejectCode | None = None
    reason: str = ""

    @property
    def word(self) -> str:
        """`ok`, `ok_with_warnings`, or `rejected:<code>`."""
        if self.facts is None:
            return f"rejected:{self.code}"
        return "ok_with_warnings" if self.facts.warnings else "ok"
