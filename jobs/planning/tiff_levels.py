"""The levels of a pyramid in a TIFF: reduced copies of a page, which stand for it where little is shown.

Copies follow their page in the file, marked as reduced (TIFF 6.0, NewSubfileType), or hang below it (Adobe's
SubIFDs, TIFF Technical Note 1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from giornata.jobs.planning.tiff_pages import (
    BITS,
    EXTRA_SAMPLES,
    HEIGHT,
    ICC_PROFILE,
    ORIENTATION,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIPS,
    SUB_DIRECTORIES,
    TILES,
    WIDTH,
    TiffPage,
    read_directory,
)

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
    told = [page.entries.get(tag) for tag in (TILES if page.is_tiled else STRIPS)]
    counts = {entry.count if entry else 0 for entry in told}
    if len(counts) != 1 or not 0 < max(counts) <= MOST_TILES:
        return None
    runs = list(page.runs())
    return runs if len(runs) == max(counts) else None


def _side(page: TiffPage) -> int:
    return max(page.value(WIDTH, 0), page.value(HEIGHT, 0))


def _is_like(level: TiffPage, page: TiffPage) -> bool:
    profiled = [ICC_PROFILE in one.entries for one in (level, page)]
    return profiled[0] == profiled[1] and all(level.values(tag) == page.values(tag) for tag in SAMPLES_ALIKE)
