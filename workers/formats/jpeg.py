"""Puts right what surrounds a JPEG's scans, so that the scans themselves can be decoded without leniency.

Decoders report stray bytes between two header segments and damage within a scan with the same warning. The
first is common and harmless, the second delivers half a picture. So the header is rewritten here, by
ITU-T T.81 annex B, and every warning that is left counts.

A view of an open file with some of its bytes exchanged: decoders read what the file should have said.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pyvips


@dataclass(frozen=True)
class ByteOverlay:
    """`replacement` stands for the `length` bytes at `at`; all other bytes are the file's own."""

    at: int
    length: int
    replacement: bytes

    def bytes_of(self, file_bytes: int) -> int:
        """Length of the view of a file of `file_bytes`, in bytes."""
        return file_bytes - self.length + len(self.replacement)

    def read(self, descriptor: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes of the view from `offset`; fewer at a seam, none at the end."""
        end = self.at + len(self.replacement)
        if offset < self.at:
            return os.pread(descriptor, min(size, self.at - offset), offset)
        if offset < end:
            return self.replacement[offset - self.at :][:size]
        return os.pread(descriptor, size, offset - end + self.at + self.length)


class OverlaidFile:
    """Reads a splice in order, as libvips wants it."""

    def __init__(self, descriptor: int, file_bytes: int, splice: ByteOverlay) -> None:
        self._descriptor, self._splice = descriptor, splice
        self._bytes, self._offset = splice.bytes_of(file_bytes), 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        data = self._splice.read(self._descriptor, self._offset, size)
        self._offset += len(data)
        return data

    def seek(self, offset: int, whence: int) -> int:
        """As `io.IOBase.seek`."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._bytes}[whence]
        self._offset = max(0, start + offset)
        return self._offset

    def as_source(self) -> pyvips.SourceCustom:
        """The view as libvips reads it; keep the source as long as any picture made from it."""
        source = pyvips.SourceCustom()
        source.on_read(self.read)
        source.on_seek(self.seek)
        return source


SOI, EOI, SOS, APP0, APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15: the others are tables
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
MOST_HEADER_BYTES = 64 * 1024**2
MOST_STRAY_BYTES = 64  # more is a damaged segment length, and what follows is not to be trusted
JFIF_MAJOR_AT, ADOBE_TRANSFORM_AT = 5, 11  # within the segments' data


@dataclass(frozen=True)
class JpegSegment:
    """A marker and its data, which begins at `at` in the file; `stray` bytes came before it."""

    marker: int
    at: int
    data: bytes
    stray: int

    @property
    def encoded(self) -> bytes:
        return bytes((0xFF, self.marker)) + (len(self.data) + 2).to_bytes(2, "big") + self.data


@dataclass(frozen=True)
class Tidied:
    """The exchange of bytes that repairs a file, and messages that say why."""

    splice: ByteOverlay
    notes: tuple[str, ...]


def tidy(descriptor: int) -> Tidied | None:
    """The repair of an open JPEG's header; None when none is needed, or possible."""
    segments: list[JpegSegment] = []
    for segment in header_segments(descriptor):
        if segment.marker == SOS:
            return _tidied(segments, segment)
        segments.append(segment)
    return None


def header_segments(descriptor: int) -> Iterator[JpegSegment]:
    """The segments from the start to the first scan, which comes last and without its data."""
    at = 2
    while at < MOST_HEADER_BYTES:
        stray, at, marker = _next_marker(descriptor, at)
        if marker in (None, EOI, SOI) or stray > MOST_STRAY_BYTES:
            return
        if marker == SOS:
            yield JpegSegment(SOS, at, b"", stray)
            return
        if marker not in WITHOUT_LENGTH:
            length = int.from_bytes(os.pread(descriptor, 2, at), "big")
            data = os.pread(descriptor, length - 2, at + 2) if length >= 2 else b""
            if len(data) != length - 2:
                return
            yield JpegSegment(int(marker or 0), at + 2, data, stray)
            at += length


def _next_marker(descriptor: int, at: int) -> tuple[int, int, int | None]:
    """Count of bytes before the next marker, offset of its data, and the marker; None at the end."""
    window = os.pread(descriptor, MOST_STRAY_BYTES + 16, at)
    start = 0
    while (start := window.find(b"\xff", start)) >= 0:
        end = start
        while window[end : end + 1] == b"\xff":  # any number of them may fill the space before a marker
            end += 1
        if end < len(window) and window[end]:
            return start, at + end + 1, window[end]
        start = end
    return len(window), at, None


def _tidied(segments: list[JpegSegment], scan: JpegSegment) -> Tidied | None:
    stray = sum(segment.stray for segment in (*segments, scan))
    components = next((s.data[5] for s in segments if s.marker in FRAMES and len(s.data) > 5), 3)
    notes = [f"{stray} stray bytes in the header were skipped"] if stray else []
    written = [b"\xff\xd8"]
    for segment in segments:
        put_right, note = _put_right(segment, components)
        written.append(put_right.encoded)
        notes += [note] if note else []
    if not notes:
        return None
    return Tidied(ByteOverlay(0, scan.at - 2, b"".join(written)), tuple(notes))


def _put_right(segment: JpegSegment, components: int) -> tuple[JpegSegment, str]:
    data = segment.data
    major = data[JFIF_MAJOR_AT : JFIF_MAJOR_AT + 1]
    if segment.marker == APP0 and data[:5] == b"JFIF\0" and major not in (b"", b"\1"):
        note = f"the JFIF revision {major[0]} is unknown and was ignored"
        return _with_byte(segment, JFIF_MAJOR_AT, 1), note
    transform = data[ADOBE_TRANSFORM_AT : ADOBE_TRANSFORM_AT + 1]
    if segment.marker == APP14 and data[:5] == b"Adobe" and transform > b"\2":
        note = f"the Adobe colour transform {transform[0]} is unknown: taken for the usual one"
        return _with_byte(segment, ADOBE_TRANSFORM_AT, 2 if components == 4 else 1), note
    return segment, ""


def _with_byte(segment: JpegSegment, at: int, value: int) -> JpegSegment:
    data = segment.data[:at] + bytes((value,)) + segment.data[at + 1 :]
    return JpegSegment(segment.marker, segment.at, data, segment.stray)
