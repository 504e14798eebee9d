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
    STAGE = "stage.raw"  # only while decoding


class SourceFacts(BaseModel):
    """What the header says. `width` and `height` are px after the orientation has been applied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    format: Format
    width: int
    height: int
    bands: int  # as stored, alpha included
    depth: Depth
    interpretation: str  # libvips' name for the stored colour: b-w, grey16, srgb, rgb16, cmyk
    has_alpha: bool
    orientation: int  # EXIF 1..8; 1 is upright
    profile: ProfileUse
    profile_bytes: int
    profile_sha256: str | None
    dpi: tuple[float, float] | None
    pages: int
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
