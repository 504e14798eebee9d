"""An open source file: what it is, which of its pages is meant, and what a decoder's complaint means.

Runs inside the decoding process only.
"""

import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pyvips

from giornata.jobs.planning.tiff import (
    BITS,
    CIELAB,
    PHOTOMETRIC,
    SAMPLES,
    SUB_DIRECTORIES,
    TiffPage,
    from_descriptor,
    level_for,
    read_pages,
)
from giornata.jobs.spec.enums import Pages
from giornata.workers.decoding.options import OUT_OF_MEMORY_WORDS, DecodeOptions, Limits
from giornata.workers.decoding.vips import lab_from_bytes, plain
from giornata.workers.errors import Rejected
from giornata.workers.formats.jpeg import ByteOverlay, OverlaidFile, tidy
from giornata.workers.formats.sniff import HEAD_BYTES, identify
from giornata.workers.source import Format, RejectCode

LOADERS = {format: format.value for format in Format} | {Format.AVIF: "heif"}
# Anything less delivers half-grey pictures for truncated files. A TIFF decoder warns of every careless tag
# as it warns of damage: there `decode` tells one from the other.
STRICTNESS = {Format.TIFF: "error"}
TRUNCATION_WORDS = re.compile(r"premature end of JPEG|Unexpected end of|bad seek|got \d+ bytes, expected")
TAIL_BYTES = 4096
MISSING_CODEC = re.compile(
    r"not configured|decoding is not implemented"
    r"|unsupported (compression|jpeg|codec|feature|color conversion)",
    re.I,
)
RGB = 2  # TIFF 6.0, PhotometricInterpretation


@dataclass(frozen=True)
class SourceFile:
    """An open file with one descriptor for all reads, so that nobody swaps the file between two.

    `page` is the directory that is meant, of a TIFF only; `full_pages` counts its full-size ones, and
    `reduced_pages` the copies of them. `notes` are messages about what was repaired to read it.
    """

    name: str
    descriptor: int
    format: Format
    file_bytes: int
    page: TiffPage | None = None
    full_pages: int = 0
    reduced_pages: int = 0
    splice: ByteOverlay | None = None
    notes: tuple[str, ...] = ()
    # libvips calls back into these until its last picture is gone, and does not keep them alive.
    kept: list[pyvips.Source] = field(default_factory=list)

    @property
    def is_lab_in_bytes(self) -> bool:
        """Whether it is Lab of 8 bits without alpha, which libvips cannot open as such."""
        return (
            self.page is not None
            and self.page.value(PHOTOMETRIC, -1) == CIELAB
            and self.page.value(SAMPLES, 1) == 3
            and self.page.value(BITS, 1) == 8
        )

    def open(self) -> pyvips.Image:
        """The picture, header read, samples to come in order from top to bottom, any damage an error.

        Raises `Rejected` as truncated, corrupt or unsupported_format.
        """
        try:
            image = pyvips.Operation.call(
                f"{LOADERS[self.format]}load_source",
                self._bytes(),
                access="sequential",
                fail_on=STRICTNESS.get(self.format, "warning"),
                **self._tiff_options(),
            )
        except pyvips.Error as error:
            raise self.damage(error) from error
        return lab_from_bytes(image) if self.is_lab_in_bytes else image

    def _tiff_options(self) -> dict[str, Any]:
        # libvips' own limit refuses strips beyond 20 MB; the process has one, and the header was looked at.
        if self.page is None:
            return {}
        below = {} if self.page.below is None else {"subifd": self.page.below}
        return {"page": self.page.number, "unlimited": True, **below}

    def _bytes(self) -> pyvips.Source:
        if self.splice is not None:
            self.kept.append(OverlaidFile(self.descriptor, self.file_bytes, self.splice).as_source())
            return self.kept[-1]
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return pyvips.Source.new_from_descriptor(self.descriptor)

    def damage(self, error: pyvips.Error, complaints: Iterable[str] = ()) -> Rejected:
        """The rejection for a decoder's error; `complaints` are those that it only logged before."""
        details = plain(error.detail.splitlines()) or plain(complaints)
        if MISSING_CODEC.search(error.detail):
            return Rejected(
                self.name, RejectCode.UNSUPPORTED_FORMAT, f"{self.format} of a kind not read: {details}"
            )
        if OUT_OF_MEMORY_WORDS.search(error.detail):
            reason = f"decoding used up its memory, see memory_mb ({details})"
            return Rejected(self.name, RejectCode.MEMORY, reason)
        # libheif seeks beyond the end of good files too: AVIF's own boxes tell instead.
        truncation = self.format is not Format.AVIF and TRUNCATION_WORDS.search(error.detail)
        if truncation or self._ends_early():
            reason = f"the {self.format} data ends early"
            return Rejected(self.name, RejectCode.TRUNCATED, f"{reason} ({details})" if details else reason)
        return self.corrupt(details or "no details")

    def corrupt(self, details: str) -> Rejected:
        """The rejection for damaged samples."""
        return Rejected(self.name, RejectCode.CORRUPT, f"damaged {self.format} data ({details})")

    def _ends_early(self) -> bool:
        """Whether the container says that bytes are missing: PNG's last chunk, RIFF's length, boxes."""
        if self.format is Format.PNG:
            # Bytes after the end are common and harmless.
            tail = os.pread(self.descriptor, TAIL_BYTES, max(0, self.file_bytes - TAIL_BYTES))
            return b"IEND" not in tail
        if self.format is Format.WEBP:
            announced = int.from_bytes(os.pread(self.descriptor, 4, 4), "little") + 8
            return announced > self.file_bytes
        if self.format is Format.AVIF:
            return self._boxes_end() > self.file_bytes
        return False

    def _boxes_end(self) -> int:
        """Offset where the last top-level box of an ISO media file claims to end (ISO/IEC 14496-12, 4.2)."""
        end = 0
        while end < self.file_bytes:
            box_bytes = int.from_bytes(os.pread(self.descriptor, 4, end), "big")
            if box_bytes < 8:  # 0: up to the end of the file; 1: a 64-bit length, which pictures do without
                break
            end += box_bytes
        return end


def open_source(name: str, descriptor: int, *, reading: DecodeOptions) -> SourceFile:
    """The source behind an open file, with the page that `reading` means.

    Raises `Rejected` for a file that is empty, too long, not a picture of a readable format, or of pages.
    """
    source = identify_source(name, descriptor, limits=reading.limits)
    if source.format is Format.JPEG:
        tidied = tidy(descriptor)
        return replace(source, splice=tidied.splice, notes=tidied.notes) if tidied else source
    if source.format is Format.TIFF:
        return _with_page(source, reading)
    return source


def identify_source(name: str, descriptor: int, *, limits: Limits) -> SourceFile:
    """The source and its format. Raises `Rejected` for an empty, too long or unreadable file."""
    file_bytes = os.fstat(descriptor).st_size
    if file_bytes > limits.max_file_bytes:
        reason = f"got a file of {file_bytes} bytes, the limit is {limits.max_file_bytes} (max_file_bytes)"
        raise Rejected(name, RejectCode.TOO_LARGE, reason)
    format = identify(os.pread(descriptor, HEAD_BYTES, 0), source=name)
    return SourceFile(name, descriptor, format, file_bytes)


def _with_page(source: SourceFile, reading: DecodeOptions) -> SourceFile:
    pages = read_pages(from_descriptor(source.descriptor))
    full = [page for page in pages if not page.reduced]
    _refuse_previews(source, pages, full)
    full = full or pages[:1]
    if not full:
        return source  # libvips says what is wrong with it
    number = (reading.page or 0) if reading.pages is Pages.ALL else 0
    if number >= len(full):
        raise Rejected(
            source.name, RejectCode.MULTI_PAGE, f"got {len(full)} pages, page {number + 1} was asked for"
        )
    page = full[number]
    if reading.level_px is not None:
        page = level_for(page, pages, side_px=reading.level_px)
    source = replace(source, page=page, full_pages=len(full), reduced_pages=len(pages) - len(full))
    return replace(source, splice=_as_rgb(page)) if source.is_lab_in_bytes else source


def _refuse_previews(source: SourceFile, pages: list[TiffPage], full: list[TiffPage]) -> None:
    if not full and any(SUB_DIRECTORIES in page.entries for page in pages):
        reason = "holds only reduced copies in the open, as a camera's raw files do; develop it first"
        raise Rejected(source.name, RejectCode.UNSUPPORTED_FORMAT, reason)


def _as_rgb(page: TiffPage) -> ByteOverlay:
    return ByteOverlay(page.entries[PHOTOMETRIC].at, 2, struct.pack(f"{page.order}H", RGB))
