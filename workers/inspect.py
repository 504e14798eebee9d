"""Looks at a source's header: its facts if it can be rendered, a typed refusal if it cannot.

Runs inside the decoding process only: even a header is not to be trusted to a render worker.
"""

import hashlib
import re

import pyvips

from giornata.jobs.planning.tiff_pages import ORIENTATION
from giornata.workers.color import COLOUR_BANDS, PROFILE_FIELD, ProfileCheck, check_profile
from giornata.workers.decoder_log import heard
from giornata.workers.header_limits import count_pages, is_interlaced, refuse_header
from giornata.workers.metadata_blocks import metadata_blocks
from giornata.workers.opening import Source
from giornata.workers.reading import Reading
from giornata.workers.samples import COLOURS, DIRECT, LABS, STORED, WIDE
from giornata.workers.source import (
    Depth,
    ProfileUse,
    ResolutionUnit,
    SourceFacts,
    Stored,
    WorkingFile,
)
from giornata.workers.tiff_header import refuse_tiff, tiff_flags

MM_PER_INCH = 25.4
EXIF_CM = 3  # EXIF 2.32, ResolutionUnit
UNKNOWN_PX_PER_MM = 1.0  # libvips' word for "not known", which its writers put into files as 25.4 DPI
ASSUMED_PX_PER_MM = 72 / MM_PER_INCH  # what it fills in for JPEG and PNG that say nothing
CLAIMED_ORIENTATION = "exif-ifd0-Orientation"
UNITS = {"in": ResolutionUnit.INCH, "cm": ResolutionUnit.CM}
MOST_COMPLAINTS = 5  # of a decoder, in the facts
USUAL = re.compile(r"assuming 8-bit palette|unknown field with tag", re.I)  # said of files without a fault


def inspect(source: Source, *, reading: Reading) -> SourceFacts:
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
    said = [words for words in complaints if not USUAL.search(words)]
    told = tuple(f"the decoder says: {words}" for words in said[:MOST_COMPLAINTS])
    return facts.model_copy(update={"warnings": warnings + told})


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


def _claimed_orientation(source: Source, image: pyvips.Image) -> int:
    """The number in the file, which libvips does not tell if it means nothing."""
    if source.page is not None:
        return source.page.value(ORIENTATION, 1)
    if image.get_typeof(CLAIMED_ORIENTATION) == 0:
        return 1
    number = image.get(CLAIMED_ORIENTATION).partition(" ")[0]
    return int(number) if number.isdecimal() else 1


def _dpi(image: pyvips.Image) -> tuple[float, float] | None:
    known = image.xres > 0 and image.yres > 0 and image.xres != UNKNOWN_PX_PER_MM
    declared = image.get_typeof("resolution-unit") != 0 or abs(image.xres - ASSUMED_PX_PER_MM) > 1e-3
    if not (known and declared):
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
    """What libvips writes as `300/1 (300, Rational, 1 components, 8 bytes)`; 0 for what is not there."""
    words = image.get(field).partition(" ")[0] if image.get_typeof(field) != 0 else ""
    above, _, below = words.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return 0.0


def _warnings(
    source: Source, image: pyvips.Image, check: ProfileCheck, facts: SourceFacts
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


def _facts(source: Source, image: pyvips.Image, check: ProfileCheck, reading: Reading) -> SourceFacts:
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


def _samples(image: pyvips.Image, reading: Reading, check: ProfileCheck) -> dict[str, object]:
    """How samples are stored, and the depth they are worked on in."""
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
