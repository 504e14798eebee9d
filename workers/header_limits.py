"""What in a source's header is refused: sizes, samples, pages and memory beyond what its job allows."""

import pyvips

from giornata.jobs.spec.enums import Pages
from giornata.workers.errors import Rejected
from giornata.workers.limits import DECODERS_MB, MEGA, Limits
from giornata.workers.opening import Source
from giornata.workers.reading import Reading
from giornata.workers.samples import COLOURS, DIRECT, LABS, STORED
from giornata.workers.source import Format, RejectCode

PARSED_EXIF = "exif-ifd"  # fields that libvips makes of the block, which is counted itself
# Bytes per pixel that a decoder holds at once when it cannot stream, measured, with room to spare.
WHOLE_IN_MEMORY = {Format.WEBP: 8, Format.AVIF: 24, Format.GIF: 8}
NO_RANGE = (
    "samples have no range of their own: say float_range: [lowest, highest] to map them, or convert the file"
)


def refuse_header(source: Source, image: pyvips.Image, reading: Reading) -> None:
    """Raises `Rejected` for a size, samples or a need of memory that `reading` does not allow."""
    _refuse_size(source, image, reading.limits)
    _refuse_samples(source, image, reading)
    _refuse_memory(source, image, reading.limits)


def _refuse_size(source: Source, image: pyvips.Image, limits: Limits) -> None:
    size, pixels = f"{image.width}x{image.height} px", image.width * image.height
    if pixels > limits.bomb_pixels and pixels > limits.bomb_pixels_per_byte * source.file_bytes:
        reason = (
            f"{size} in {source.file_bytes} bytes: a decompression bomb, more than"
            f" {limits.bomb_pixels_per_byte:g} pixels per byte (bomb_pixels_per_byte)"
        )
        raise Rejected(source.name, RejectCode.BOMB, reason)
    for got, unit, name in (
        (image.width, "px wide", "max_width_px"),
        (image.height, "px high", "max_height_px"),
        (pixels, "pixels", "max_pixels"),
        (_metadata_bytes(image), "bytes of metadata", "max_metadata_bytes"),
    ):
        if got > getattr(limits, name):
            reason = f"{size}: {got} {unit}, the limit is {getattr(limits, name)} ({name})"
            raise Rejected(source.name, RejectCode.TOO_LARGE, reason)


def _metadata_bytes(image: pyvips.Image) -> int:
    fields = (field for field in image.get_fields() if not field.startswith(PARSED_EXIF))
    values = (image.get(field) for field in fields)
    return sum(len(value) for value in values if isinstance(value, bytes | str))


def _refuse_samples(source: Source, image: pyvips.Image, reading: Reading) -> None:
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


def count_pages(source: Source, image: pyvips.Image, reading: Reading) -> tuple[int, tuple[str, ...]]:
    """How many pages or frames there are, and what to say of it. Raises `Rejected` if they are too many."""
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


def _refuse_memory(source: Source, image: pyvips.Image, limits: Limits) -> None:
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
    """Whether all of it must be held before the first row is whole."""
    return any(
        image.get_typeof(field) != 0 and image.get(field) for field in ("interlaced", "jpeg-multiscan")
    )
