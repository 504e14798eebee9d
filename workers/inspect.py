"""Looks at a source's header: its facts if it can be rendered, a typed refusal if it cannot.

Runs inside the decoding process only: even a header is not to be trusted to a render worker.
"""

import hashlib
import os
import re
from dataclasses import dataclass

import pyvips

from giornata.workers.color import COLOUR_BANDS, PROFILE_FIELD, ProfileCheck, check_profile
from giornata.workers.errors import Rejected
from giornata.workers.limits import DECODERS_MB, MEGA, OUT_OF_MEMORY_WORDS, Limits
from giornata.workers.sniff import HEAD_BYTES, identify
from giornata.workers.source import Depth, Format, ProfileUse, RejectCode, SourceFacts
from giornata.workers.tiff_pages import full_size_pages

LOADERS = {format: format.value for format in Format} | {Format.AVIF: "heif"}
DEPTHS = {"uchar": Depth.UINT8, "ushort": Depth.UINT16}
MM_PER_INCH = 25.4
UNKNOWN_PX_PER_MM = 1.0  # libvips' word for "not known", which its writers put into files as 25.4 DPI
ASSUMED_PX_PER_MM = 72 / MM_PER_INCH  # what it fills in for JPEG and PNG that say nothing
METADATA_FIELDS = (
    PROFILE_FIELD,
    "exif-data",
    "xmp-data",
    "iptc-data",
    "photoshop-data",
    "jpeg-thumbnail-data",
)
# Bytes per pixel that a decoder holds at once when it cannot stream, measured, with room to spare.
WHOLE_IN_MEMORY = {Format.WEBP: 8, Format.AVIF: 24, Format.GIF: 8}
TRUNCATION_WORDS = re.compile(r"premature end of JPEG|Unexpected end of|bad seek|got \d+ bytes, expected")
TAIL_BYTES = 4096
MISSING_CODEC = re.compile(r"not configured|not supported|unsupported compression|Unknown compression", re.I)


@dataclass(frozen=True)
class Source:
    """An open source file: one descriptor for all, so that nobody swaps the file between two looks."""

    name: str
    descriptor: int
    format: Format
    file_bytes: int

    def open(self) -> pyvips.Image:
        """The picture, header read, samples to come in order from top to bottom, any damage an error.

        Raises `Rejected` as truncated, corrupt or unsupported_format.
        """
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        try:
            return pyvips.Operation.call(
                f"{LOADERS[self.format]}load_source",
                pyvips.Source.new_from_descriptor(self.descriptor),
                access="sequential",
                fail_on="warning",  # anything less delivers half-grey pictures for truncated files
            )
        except pyvips.Error as error:
            raise self.damage(error) from error

    def damage(self, error: pyvips.Error) -> Rejected:
        """The verdict behind a decoder's complaint."""
        words = "; ".join(dict.fromkeys(filter(None, map(str.strip, error.detail.splitlines()))))[:300]
        if MISSING_CODEC.search(words):
            return Rejected(
                self.name, RejectCode.UNSUPPORTED_FORMAT, f"{self.format} of a kind not read: {words}"
            )
        if OUT_OF_MEMORY_WORDS.search(words):
            return Rejected(self.name, RejectCode.MEMORY, f"decoding used up its memory ({words})")
        # libheif seeks beyond the end of good files too: AVIF's own boxes tell instead.
        told = self.format is not Format.AVIF and TRUNCATION_WORDS.search(words)
        if told or self._ends_early():
            reason = f"the {self.format} data ends early"
            return Rejected(self.name, RejectCode.TRUNCATED, f"{reason} ({words})" if words else reason)
        return Rejected(
            self.name, RejectCode.CORRUPT, f"damaged {self.format} data ({words or 'no details'})"
        )

    def _ends_early(self) -> bool:
        """Whether the container says that bytes are missing: PNG's last chunk, RIFF's length, boxes."""
        if self.format is Format.PNG:
            return b"IEND" not in os.pread(self.descriptor, TAIL_BYTES, max(0, self.file_bytes - TAIL_BYTES))
        if self.format is Format.WEBP:
            return int.from_bytes(os.pread(self.descriptor, 4, 4), "little") + 8 > self.file_bytes
        return self.format is Format.AVIF and self._boxes_end() > self.file_bytes

    def _boxes_end(self) -> int:
        """Where the last top-level box of an ISO media file claims to end (ISO/IEC 14496-12, 4.2)."""
        end = 0
        while end < self.file_bytes:
            box_bytes = int.from_bytes(os.pread(self.descriptor, 4, end), "big")
            if box_bytes < 8:  # 0: up to the end of the file; 1: a 64-bit length, which pictures do without
                break
            end += box_bytes
        return end


def identify_source(name: str, descriptor: int, *, limits: Limits) -> Source:
    """Raises `Rejected` for a file that is empty, too long, or not a picture of a readable format."""
    file_bytes = os.fstat(descriptor).st_size
    if file_bytes > limits.max_file_bytes:
        reason = f"got a file of {file_bytes} bytes, the limit is {limits.max_file_bytes}"
        raise Rejected(name, RejectCode.TOO_LARGE, reason)
    format = identify(os.pread(descriptor, HEAD_BYTES, 0), source=name)
    return Source(name, descriptor, format, file_bytes)


def inspect(source: Source, *, limits: Limits) -> SourceFacts:
    """The facts in the header of `source`; no sample is decoded.

    Raises `Rejected` with any code but timeout, crashed and those of a file that cannot be opened.
    """
    image = source.open()
    _refuse_size(source, image, limits)
    _refuse_samples(source, image, limits)
    pages, warnings = _pages(source, image, limits)
    _refuse_memory(source, image, limits)
    check = check_profile(image)
    return _facts(source, image, check, pages, (*warnings, *_warnings(image, check)))


def _refuse_size(source: Source, image: pyvips.Image, limits: Limits) -> None:
    size, pixels = f"{image.width}x{image.height} px", image.width * image.height
    if pixels > limits.bomb_pixels and pixels > limits.bomb_pixels_per_byte * source.file_bytes:
        reason = f"{size} in {source.file_bytes} bytes: a decompression bomb"
        raise Rejected(source.name, RejectCode.BOMB, reason)
    for got, limit, unit in (
        (image.width, limits.max_width_px, "px wide"),
        (image.height, limits.max_height_px, "px high"),
        (pixels, limits.max_pixels, "pixels"),
        (_metadata_bytes(image), limits.max_metadata_bytes, "bytes of metadata"),
    ):
        if got > limit:
            raise Rejected(source.name, RejectCode.TOO_LARGE, f"{size}: {got} {unit}, the limit is {limit}")


def _metadata_bytes(image: pyvips.Image) -> int:
    return sum(len(image.get(field)) for field in METADATA_FIELDS if image.get_typeof(field) != 0)


def _refuse_samples(source: Source, image: pyvips.Image, limits: Limits) -> None:
    if image.format not in DEPTHS:
        reason = f"got {image.format} samples ({image.interpretation}), needed one of {', '.join(Depth)}"
        raise Rejected(source.name, RejectCode.UNSUPPORTED_DEPTH, reason)
    colour = COLOUR_BANDS.get(image.interpretation)
    if colour is None or image.bands - colour not in (0, 1) or image.bands > limits.max_bands:
        needed = "grey, RGB or CMYK, with or without alpha"
        reason = f"got {image.bands} bands of {image.interpretation}, needed {needed}"
        raise Rejected(source.name, RejectCode.UNSUPPORTED_BANDS, reason)


def _pages(source: Source, image: pyvips.Image, limits: Limits) -> tuple[int, tuple[str, ...]]:
    pages = image.get("n-pages") if image.get_typeof("n-pages") != 0 else 1
    if pages <= 1:
        return 1, ()
    full = full_size_pages(source.descriptor) if source.format is Format.TIFF else pages
    if full == 1:
        return 1, (f"a pyramid: {pages - 1} reduced copies are left out",)
    if pages > limits.max_pages:
        reason = f"got {pages} pages or frames, the limit is {limits.max_pages}; split it first"
        raise Rejected(source.name, RejectCode.MULTI_PAGE, reason)
    return pages, (f"{pages} pages or frames: only the first is rendered",)


def _refuse_memory(source: Source, image: pyvips.Image, limits: Limits) -> None:
    sample_bytes = image.bands * DEPTHS[image.format].bytes
    # A progressive JPEG keeps 16-bit coefficients, an interlaced PNG all its samples.
    held = 2 * image.bands if source.format is Format.JPEG else 2 * sample_bytes
    per_pixel = WHOLE_IN_MEMORY.get(source.format, held if _interlaced(image) else 0)
    held_mb = per_pixel * image.width * image.height / MEGA
    needed_mb = held_mb + DECODERS_MB
    if held_mb and needed_mb > limits.memory_mb:
        reason = f"this kind of {source.format} is decoded in one piece: needed {needed_mb:.0f} MB of memory"
        raise Rejected(source.name, RejectCode.TOO_LARGE, f"{reason}, the limit is {limits.memory_mb} MB")


def _interlaced(image: pyvips.Image) -> bool:
    return any(
        image.get_typeof(field) != 0 and image.get(field) for field in ("interlaced", "jpeg-multiscan")
    )


def _orientation(image: pyvips.Image) -> int:
    value = image.get("orientation") if image.get_typeof("orientation") != 0 else 1
    return value if 1 <= value <= 8 else 1


def _dpi(image: pyvips.Image) -> tuple[float, float] | None:
    known = image.xres > 0 and image.yres > 0 and image.xres != UNKNOWN_PX_PER_MM
    declared = image.get_typeof("resolution-unit") != 0 or abs(image.xres - ASSUMED_PX_PER_MM) > 1e-3
    if not (known and declared):
        return None
    return image.xres * MM_PER_INCH, image.yres * MM_PER_INCH


def _warnings(image: pyvips.Image, check: ProfileCheck) -> tuple[str, ...]:
    warnings = []
    if check.use is ProfileUse.UNUSABLE:
        warnings.append(f"colour profile left out: {check.problem}")
    if image.interpretation == "cmyk" and check.use is not ProfileUse.CONVERT:
        warnings.append("CMYK without a usable profile: colours are a guess")
    return tuple(warnings)


def _facts(
    source: Source, image: pyvips.Image, check: ProfileCheck, pages: int, warnings: tuple[str, ...]
) -> SourceFacts:
    orientation = _orientation(image)
    size = (image.height, image.width) if orientation >= 5 else (image.width, image.height)
    dpi = _dpi(image)
    profile = image.get(PROFILE_FIELD) if check.use is not ProfileUse.NONE else b""
    return SourceFacts(
        source=source.name,
        format=source.format,
        width=size[0],
        height=size[1],
        bands=image.bands,
        depth=DEPTHS[image.format],
        interpretation=image.interpretation,
        has_alpha=image.bands > COLOUR_BANDS[image.interpretation],
        orientation=orientation,
        profile=check.use,
        profile_bytes=len(profile),
        profile_sha256=hashlib.sha256(profile).hexdigest() if profile else None,
        dpi=dpi[::-1] if dpi and orientation >= 5 else dpi,
        pages=pages,
        interlaced=_interlaced(image),
        file_bytes=source.file_bytes,
        warnings=warnings,
    )
