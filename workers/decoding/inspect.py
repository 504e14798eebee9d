"""Inspects a source's header: its facts, or a typed refusal when it cannot be rendered or breaks a limit.

Runs inside the decoding process only: even a header is not to be trusted to a render worker.
"""

import hashlib
import re

import pyvips

from giornata.jobs.planning.tiff import ORIENTATION
from giornata.jobs.spec.enums import Pages
from giornata.workers.color.to_working import COLOUR_BANDS, PROFILE_FIELD, ProfileCheck, check_profile
from giornata.workers.decoding.metadata_blocks import metadata_blocks
from giornata.workers.decoding.options import DECODERS_MB, MEGA, DecodeOptions, Limits
from giornata.workers.decoding.source_file import SourceFile
from giornata.workers.decoding.tiff_checks import refuse_tiff, tiff_flags
from giornata.workers.decoding.vips import COLOURS, DIRECT, LABS, STORED, WIDE, heard
from giornata.workers.errors import Rejected
from giornata.workers.source import (
    Depth,
    Format,
    ProfileUse,
    RejectCode,
    ResolutionUnit,
    SourceFacts,
    Stored,
    WorkingFile,
)

PARSED_EXIF = "exif-ifd"  # fields that libvips makes of the block, which is counted itself
# Bytes per pixel that a decoder holds at once when it cannot stream, measured, with room to spare.
WHOLE_IN_MEMORY = {Format.WEBP: 8, Format.AVIF: 24, Format.GIF: 8}
NO_RANGE = (
    "samples have no range of their own: say float_range: [lowest, highest] to map them, or convert the file"
)


def refuse_header(source: SourceFile, image: pyvips.Image, reading: DecodeOptions) -> None:
    """Raises `Rejected` for a size, samples or a need of memory that `reading` does not allow."""
    _refuse_size(source, image, reading.limits)
    _refuse_samples(source, image, reading)
    _refuse_memory(source, image, reading.limits)


def _refuse_size(source: SourceFile, image: pyvips.Image, limits: Limits) -> None:
    size, pixels = f"{image.width}x{image.height} px", image.width * image.height
    if pixels > limits.bomb_pixels and pixels > limits.bomb_pixels_per_byte * source.file_bytes:
        reason = (
            f"{size} in {source.file_bytes} bytes: a decompression bomb, more than"
            f" {limits.bomb_pixels_per_byte:g} pixels per byte (bomb_pixels_per_byte)"
        )
        raise Rejected(source.name, RejectCode.BOMB, reason)
    for amount, unit, name in (
        (image.width, "px wide", "max_width_px"),
        (image.height, "px high", "max_height_px"),
        (pixels, "pixels", "max_pixels"),
        (_metadata_bytes(image), "bytes of metadata", "max_metadata_bytes"),
    ):
        if amount > getattr(limits, name):
            reason = f"{size}: {amount} {unit}, the limit is {getattr(limits, name)} ({name})"
            raise Rejected(source.name, RejectCode.TOO_LARGE, reason)


def _metadata_bytes(image: pyvips.Image) -> int:
    fields = (field for field in image.get_fields() if not field.startswith(PARSED_EXIF))
    values = (image.get(field) for field in fields)
    return sum(len(value) for value in values if isinstance(value, bytes | str))


def _refuse_samples(source: SourceFile, image: pyvips.Image, reading: DecodeOptions) -> None:
    stored = STORED.get(image.format)
    lab = image.interpretation in LABS
    if not lab and stored not in DIRECT and reading.float_range is None:
        kind = stored or image.format
        raise Rejected(source.name, RejectCode.UNSUPPORTED_DEPTH, f"{kind} {NO_RANGE}")
    colour = COLOURS.get(image.interpretation)
    if (
        colour is None
        or image.bands - colour not in (0, 1)
        or (image.interpretation == "lab" and image.bands > 3)
    ):
        needed = "grey, RGB, Lab or CMYK, with or without alpha"
        reason = f"got {image.bands} bands of {image.interpretation}, needed {needed}"
        raise Rejected(source.name, RejectCode.UNSUPPORTED_BANDS, reason)
    if image.bands > reading.limits.max_bands:
        reason = f"got {image.bands} bands, the limit is {reading.limits.max_bands} (max_bands)"
        raise Rejected(source.name, RejectCode.UNSUPPORTED_BANDS, reason)


def count_pages(
    source: SourceFile, image: pyvips.Image, reading: DecodeOptions
) -> tuple[int, tuple[str, ...]]:
    """The number of pages or frames, and warnings about them. Raises `Rejected` if they are too many."""
    pages = source.full_pages or (image.get("n-pages") if image.get_typeof("n-pages") != 0 else 1)
    copies = (
        (f"a pyramid: {source.reduced_pages} reduced copies are left out",) if source.reduced_pages else ()
    )
    if pages <= 1:
        return 1, copies
    kind = "pages" if source.format is Format.TIFF else "frames"
    if pages > reading.limits.max_pages:
        reason = f"got {pages} {kind}, the limit is {reading.limits.max_pages} (max_pages)"
        raise Rejected(source.name, RejectCode.TOO_LARGE, reason)
    if reading.pages is Pages.FIRST:
        return pages, (*copies, f"{pages} {kind}: only the first is rendered")
    if reading.pages is Pages.ALL and reading.page is not None and source.format is Format.TIFF:
        return pages, copies
    # Rendering one of them and calling it all would lose the others without a word.
    refusal = "not all can go into one output" if reading.pages is Pages.ALL else "needed one"
    reason = f"got {pages} {kind}, {refusal}; say pages: {Pages.FIRST}, or split the file"
    raise Rejected(source.name, RejectCode.MULTI_PAGE, reason)


def _refuse_memory(source: SourceFile, image: pyvips.Image, limits: Limits) -> None:
    sample_bytes = 1 if image.format == "uchar" else 2
    # A progressive JPEG keeps 16-bit coefficients, an interlaced PNG all its samples.
    held = 2 * image.bands if source.format is Format.JPEG else 2 * image.bands * sample_bytes
    per_pixel = WHOLE_IN_MEMORY.get(source.format, held if is_interlaced(image) else 0)
    held_mb = per_pixel * image.width * image.height / MEGA
    needed_mb = held_mb + DECODERS_MB
    if held_mb and needed_mb > limits.memory_mb:
        reason = (
            f"this kind of {source.format} is decoded in one piece: needed {needed_mb:.0f} MB of memory,"
            f" the limit is {limits.memory_mb} (memory_mb)"
        )
        raise Rejected(source.name, RejectCode.TOO_LARGE, reason)


def is_interlaced(image: pyvips.Image) -> bool:
    """Whether the whole picture must be held before its first row is complete."""
    return any(
        image.get_typeof(field) != 0 and image.get(field) for field in ("interlaced", "jpeg-multiscan")
    )


MM_PER_INCH = 25.4
EXIF_CM = 3  # EXIF 2.32, ResolutionUnit
UNKNOWN_PX_PER_MM = 1.0  # libvips' word for "not known", which its writers put into files as 25.4 DPI
ASSUMED_PX_PER_MM = 72 / MM_PER_INCH  # what it fills in for JPEG and PNG that say nothing
CLAIMED_ORIENTATION = "exif-ifd0-Orientation"
UNITS = {"in": ResolutionUnit.INCH, "cm": ResolutionUnit.CM}
MOST_COMPLAINTS = 5  # of a decoder, in the facts
USUAL = re.compile(r"assuming 8-bit palette|unknown field with tag", re.I)  # said of files without a fault


def inspect(source: SourceFile, *, reading: DecodeOptions) -> SourceFacts:
    """The facts in the header of `source`; no sample is decoded.

    Raises `Rejected` with any code but timeout, crashed and those of a file that cannot be opened.
    """
    limits = reading.limits
    if source.page is not None:
        refuse_tiff(source, source.page, limits)
    with heard() as complaints:
        image = source.open()
    refuse_header(source, image, reading)
    pages, page_warnings = count_pages(source, image, reading)
    check = _check_profile(image)
    blocks, block_warnings = metadata_blocks(source, image, most=limits.max_metadata_bytes)
    facts = _facts(source, image, check, reading).model_copy(
        update={
            "pages": pages,
            "exif_bytes": len(blocks.get(WorkingFile.EXIF, b"")),
            "xmp_bytes": len(blocks.get(WorkingFile.XMP, b"")),
            "iptc_bytes": len(blocks.get(WorkingFile.IPTC, b"")),
        }
    )
    warnings = (*source.notes, *page_warnings, *_warnings(source, image, check, facts), *block_warnings)
    messages = [message for message in complaints if not USUAL.search(message)]
    decoder_warnings = tuple(f"the decoder says: {message}" for message in messages[:MOST_COMPLAINTS])
    return facts.model_copy(update={"warnings": warnings + decoder_warnings})


def _check_profile(image: pyvips.Image) -> ProfileCheck:
    """The use of the profile, which samples that are mapped by a range may have as well."""
    if image.interpretation in LABS:
        if image.get_typeof(PROFILE_FIELD) == 0:
            return ProfileCheck(ProfileUse.NONE)
        return ProfileCheck(ProfileUse.UNUSABLE, "Lab is a colour space of its own")
    if image.interpretation in COLOUR_BANDS:
        return check_profile(image)
    return check_profile(image.copy(interpretation=WIDE[COLOURS[image.interpretation]]))


def _orientation(image: pyvips.Image) -> int:
    return image.get("orientation") if image.get_typeof("orientation") != 0 else 1


def _claimed_orientation(source: SourceFile, image: pyvips.Image) -> int:
    """The orientation number in the file, which libvips does not report if it is undefined."""
    if source.page is not None:
        return source.page.value(ORIENTATION, 1)
    if image.get_typeof(CLAIMED_ORIENTATION) == 0:
        return 1
    number = image.get(CLAIMED_ORIENTATION).partition(" ")[0]
    return int(number) if number.isdecimal() else 1


def _dpi(image: pyvips.Image) -> tuple[float, float] | None:
    has_resolution = image.xres > 0 and image.yres > 0 and image.xres != UNKNOWN_PX_PER_MM
    declared = image.get_typeof("resolution-unit") != 0 or abs(image.xres - ASSUMED_PX_PER_MM) > 1e-3
    if not (has_resolution and declared):
        return _exif_dpi(image)
    return image.xres * MM_PER_INCH, image.yres * MM_PER_INCH


def _exif_dpi(image: pyvips.Image) -> tuple[float, float] | None:
    """The only place that WebP and AVIF have for a resolution; libvips does not look there."""
    if image.get("vips-loader").partition("load")[0] not in ("webp", "heif"):
        return None
    across, down = (_exif_number(image, f"exif-ifd0-{axis}Resolution") for axis in "XY")
    per_inch = MM_PER_INCH / 10 if _exif_number(image, "exif-ifd0-ResolutionUnit") == EXIF_CM else 1
    dpi = across * per_inch, down * per_inch
    unknown = min(dpi) <= 0 or max(abs(side - UNKNOWN_PX_PER_MM * MM_PER_INCH) for side in dpi) < 0.01
    return None if unknown else dpi


def _exif_number(image: pyvips.Image, field: str) -> float:
    """A field that libvips writes as `300/1 (300, Rational, 1 components, 8 bytes)`; 0 without it."""
    fraction = image.get(field).partition(" ")[0] if image.get_typeof(field) != 0 else ""
    above, _, below = fraction.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return 0.0


def _warnings(
    source: SourceFile, image: pyvips.Image, check: ProfileCheck, facts: SourceFacts
) -> tuple[str, ...]:
    warnings = []
    if check.use is ProfileUse.UNUSABLE:
        warnings.append(f"colour profile left out: {check.problem}")
    if image.interpretation == "cmyk" and check.use is not ProfileUse.CONVERT:
        warnings.append("CMYK without a usable profile: colours are a guess")
    if (orientation := _claimed_orientation(source, image)) not in range(9):  # 0: not set
        warnings.append(f"orientation {orientation} is not defined: taken as upright")
    if facts.float_range is not None:
        lowest, highest = facts.float_range
        warnings.append(f"{facts.stored} samples from {lowest:g} to {highest:g} were mapped to 16 bits")
    return tuple(warnings)


def _facts(
    source: SourceFile, image: pyvips.Image, check: ProfileCheck, reading: DecodeOptions
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
        has_alpha=image.bands > COLOURS[image.interpretation],
        orientation=orientation,
        profile=check.use,
        profile_bytes=len(profile),
        profile_sha256=hashlib.sha256(profile).hexdigest() if profile else None,
        dpi=dpi[::-1] if dpi and orientation >= 5 else dpi,
        resolution_unit=_unit(image) if dpi else ResolutionUnit.NONE,
        pages=1,
        page=reading.page or 0,
        interlaced=is_interlaced(image),
        file_bytes=source.file_bytes,
        **_samples(image, reading, check),
        **(tiff_flags(source.page) if source.page else {"palette": _says(image, "palette")}),
    )


def _samples(image: pyvips.Image, reading: DecodeOptions, check: ProfileCheck) -> dict[str, object]:
    """Facts about the stored samples, and the depth they are worked on in."""
    stored = STORED[image.format]
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") != 0 else 8
    lab = image.interpretation in LABS
    if image.interpretation == "labs":  # libvips' form of 8 and 16 bits, which are not signed in the file
        stored = Stored.UINT8 if bits == 8 else Stored.UINT16
    direct = not lab and stored in DIRECT
    # Eight bits of another space do not lie on eight bits of sRGB: there and back would show in the shadows.
    same = direct and check.use is not ProfileUse.CONVERT and image.interpretation != "cmyk"
    return {
        "stored": stored,
        "bits": bits,
        "interpretation": image.interpretation,
        "depth": DIRECT[stored] if same else Depth.UINT16,
        "float_range": None if direct or lab else reading.float_range,
    }


def _says(image: pyvips.Image, field: str) -> bool:
    return bool(image.get_typeof(field) != 0 and image.get(field))


def _unit(image: pyvips.Image) -> ResolutionUnit:
    unit = image.get("resolution-unit") if image.get_typeof("resolution-unit") != 0 else ""
    return UNITS.get(unit, ResolutionUnit.INCH if unit else ResolutionUnit.NONE)
