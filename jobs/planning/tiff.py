"""TIFF directories: the number of pages, their tags, and the levels of a pyramid, without a decoder.

TIFF 6.0 section 2 and BigTIFF. Reduced copies follow their page in the file (NewSubfileType) or hang below it
(SubIFDs, Adobe's TIFF Technical Note 1).
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
ORIENTATION, SAMPLES, ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT, SUB_DIRECTORIES = 274, 277, 278, 322, 323, 330
EXTRA_SAMPLES, SAMPLE_FORMAT, ICC_PROFILE = 338, 339, 34675
REDUCED = 1  # bit 0 of the subfile type marks a reduced copy
ASSOCIATED_ALPHA = 1
MIN_IS_WHITE, PALETTE, CIELAB = 0, 3, 8
MOST_DIRECTORIES = 10_000
MOST_ENTRIES = 4096
MOST_ENTRIES_IN_ALL = 250_000  # directories may overlap: a small file can claim any number
MOST_NUMBERS = 16
READ_BYTES = 1 << 16
STRIPS, TILES = (273, 279), (324, 325)  # offsets, and lengths in bytes
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
TYPE_BYTES |= {16: 8, 17: 8, 18: 8}  # BigTIFF's own
ReadAt = Callable[[int, int], bytes]  # offset, number of bytes: fewer where the file ends
NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True)
class _TiffLayout:
    """Field widths of classic TIFF or BigTIFF, as struct codes with byte order."""

    offset: str
    count: str
    entry: str  # tag, type, number of values, then the value or its offset

    @classmethod
    def of(cls, head: bytes) -> "_TiffLayout":
        order = "<" if head[:2] == b"II" else ">"
        if head[2:4].strip(b"\0") == b"+":
            return cls(order + "Q", order + "Q", order + "HHQ8s")
        return cls(order + "I", order + "H", order + "HHI4s")

    @property
    def first(self) -> int:
        """Where the offset of the first directory lies."""
        return 8 if self.offset.endswith("Q") else 4

    def unpack(self, code: str, read: ReadAt, offset: int) -> tuple[int, ...]:
        data = read(offset, struct.calcsize(code)) if offset < 1 << 62 else b""
        return struct.unpack(code, data) if len(data) == struct.calcsize(code) else ()


@dataclass(frozen=True)
class TiffEntry:
    """One tag's type, number of values, and where in the file the first of them lies."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True)
class TiffPage:
    """One directory. `number` counts all directories from 0, as libvips does.

    `below` is its place among the SubIFDs of that directory, for one that hangs there.
    """

    read: ReadAt
    order: str  # struct's sign of the byte order
    number: int
    entries: dict[int, TiffEntry]
    below: int | None = None

    @property
    def reduced(self) -> bool:
        """Whether it is marked as a reduced copy of another."""
        return bool(self.value(SUBFILE_TYPE, 0) & REDUCED)

    @property
    def is_picture(self) -> bool:
        """Whether it has a size; directories without one only carry data, such as signatures."""
        return WIDTH in self.entries and HEIGHT in self.entries

    def data(self, tag: int, *, most: int) -> bytes:
        """The bytes of a tag's values as they lie in the file, `most` at most; empty if it is not there."""
        entry = self.entries.get(tag)
        if entry is None or entry.at >= 1 << 62:
            return b""
        size = entry.count * TYPE_BYTES.get(entry.kind, 0)
        return self.read(entry.at, min(size, most))

    def values(self, tag: int) -> tuple[int, ...]:
        """The first whole numbers of a tag; none if it is not there or holds something else."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in NUMBERS:
            return ()
        size = TYPE_BYTES[entry.kind]
        data = self.data(tag, most=MOST_NUMBERS * size)
        whole = len(data) // size
        return struct.unpack(f"{self.order}{whole}{NUMBERS[entry.kind]}", data[: whole * size])

    @property
    def is_tiled(self) -> bool:
        """Whether its samples lie in tiles, or else in strips."""
        return TILE_WIDTH in self.entries

    def runs(self) -> Iterator[tuple[int, int]]:
        """Where its samples lie: offset and length in bytes of every tile or strip, however many."""
        return zip(*map(self._every_value, TILES if self.is_tiled else STRIPS), strict=False)

    def _every_value(self, tag: int) -> Iterator[int]:
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in NUMBERS:
            return
        size = TYPE_BYTES[entry.kind]
        for start in range(0, entry.count * size, READ_BYTES):
            data = self.read(entry.at + start, min(READ_BYTES, entry.count * size - start))
            whole = len(data) // size * size
            yield from (
                value for (value,) in struct.iter_unpack(self.order + NUMBERS[entry.kind], data[:whole])
            )
            if whole < len(data) or not data:
                return

    def value(self, tag: int, default: int) -> int:
        """The first whole number of a tag."""
        return next(iter(self.values(tag)), default)


def from_descriptor(descriptor: int) -> ReadAt:
    """Reads an open file."""
    return lambda offset, size: os.pread(descriptor, size, offset)


def read_pages(read: ReadAt) -> list[TiffPage]:
    """The directories of a TIFF that are pictures, in order; broken ones end the list."""
    layout = _TiffLayout.of(read(0, 8))
    at = layout.unpack(layout.offset, read, layout.first)
    pages: list[TiffPage] = []
    seen, entries_read = {0}, 0  # a directory may lead back to itself
    for number in range(MOST_DIRECTORIES):
        if not at or at[0] in seen or entries_read > MOST_ENTRIES_IN_ALL:
            break
        seen.add(at[0])
        entries_read += next(iter(layout.unpack(layout.count, read, at[0])), 0)
        entries, at = read_directory(read, at[0])
        page = TiffPage(read, layout.offset[0], number, entries)
        if page.is_picture:
            pages.append(page)
    return pages


def full_size_pages(read: ReadAt) -> int:
    """How many directories of a TIFF are not marked as reduced copies."""
    return sum(not page.reduced for page in read_pages(read))


def read_directory(read: ReadAt, offset: int) -> tuple[dict[int, TiffEntry], tuple[int, ...]]:
    """The tags of the directory at `offset`, and where the next one lies: empty if the file ends there."""
    layout = _TiffLayout.of(read(0, 8))
    (count,) = layout.unpack(layout.count, read, offset) or (0,)
    first, entry_bytes = offset + struct.calcsize(layout.count), struct.calcsize(layout.entry)
    table = read(first, min(count, MOST_ENTRIES) * entry_bytes)
    table = table[: len(table) - len(table) % entry_bytes]
    entries: dict[int, TiffEntry] = {}
    for index, (tag, kind, values, raw) in enumerate(struct.iter_unpack(layout.entry, table)):
        if tag in entries:
            continue
        at = first + (index + 1) * entry_bytes - len(raw)
        if values * TYPE_BYTES.get(kind, 0) > len(raw):
            (at,) = struct.unpack(layout.offset, raw)
        entries[tag] = TiffEntry(kind, values, at)
    return entries, layout.unpack(layout.offset, read, first + count * entry_bytes)


SAMPLES_ALIKE = (BITS, SAMPLES, PHOTOMETRIC, SAMPLE_FORMAT, EXTRA_SAMPLES, ORIENTATION)
MOST_LEVELS = 64
MOST_TILES = 4_000_000  # of 256 px: far beyond any picture that opens


def level_for(page: TiffPage, pages: Sequence[TiffPage], *, side_px: int) -> TiffPage:
    """The smallest copy of `page`, one of `pages`, whose long side is at least `side_px`, or the page itself.

    A copy whose samples are of another kind, or that has no profile where the page has one, does not stand
    for it.
    """
    large = [level for level in levels_of(page, pages) if _side(level) >= side_px and _is_like(level, page)]
    return min((page, *large), key=_side)


def levels_of(page: TiffPage, pages: Sequence[TiffPage]) -> Iterator[TiffPage]:
    """The copies of a page, those below it and those that follow it."""
    for index, offset in enumerate(page.values(SUB_DIRECTORIES)[:MOST_LEVELS]):
        entries, _ = read_directory(page.read, offset)
        below = replace(page, entries=entries, below=index)
        if below.is_picture and below.reduced:
            yield below
    for follower in pages[pages.index(page) + 1 :]:
        if not follower.reduced:
            return
        yield follower


def data_runs(page: TiffPage) -> list[tuple[int, int]] | None:
    """Where the samples of a page lie, as (offset, bytes) of each tile or strip; None if that is not told."""
    entries = [page.entries.get(tag) for tag in (TILES if page.is_tiled else STRIPS)]
    counts = {entry.count if entry else 0 for entry in entries}
    if len(counts) != 1 or not 0 < max(counts) <= MOST_TILES:
        return None
    runs = list(page.runs())
    return runs if len(runs) == max(counts) else None


def _side(page: TiffPage) -> int:
    return max(page.value(WIDTH, 0), page.value(HEIGHT, 0))


def _is_like(level: TiffPage, page: TiffPage) -> bool:
    profiled = [ICC_PROFILE in candidate.entries for candidate in (level, page)]
    return profiled[0] == profiled[1] and all(level.values(tag) == page.values(tag) for tag in SAMPLES_ALIKE)
