"""Writes a small JPEG of a picture, for pages people look at. Runs inside the decoding process only."""

from pathlib import Path

import pyvips

from giornata.workers.color.to_working import PROFILE_FIELD, to_working
from giornata.workers.decoding.decode import UPRIGHT
from giornata.workers.decoding.source_file import SourceFile
from giornata.workers.decoding.vips import workable
from giornata.workers.errors import ScratchFull
from giornata.workers.source import SourceFacts

PAPER = (250, 248, 244)  # shows through transparent pictures
QUALITY = 78  # brush strokes are all edges: at 85 a page of sixty would be half as large again


def write_thumbnail(source: SourceFile, facts: SourceFacts, target: Path, *, side_px: int) -> None:
    """Writes `source` to `target`, 8-bit sRGB and upright, within a square of `side_px`, never enlarged.

    Raises `Rejected` for damage met on the way, `ScratchFull` when the file cannot be written.
    """
    try:
        small = _small(source, facts, side_px)
        for turn in UPRIGHT.get(facts.orientation, ()):
            small = getattr(small, turn)()
        data = small.jpegsave_buffer(Q=QUALITY, keep="none", optimize_coding=True)
    except pyvips.Error as error:
        raise source.damage(error) from error
    try:
        target.write_bytes(data)
    except OSError as error:
        raise ScratchFull(str(target.parent), len(data), 0) from error


def _small(source: SourceFile, facts: SourceFacts, side_px: int) -> pyvips.Image:
    """The stored picture reduced, on paper where it is transparent, in memory."""
    image = workable(source.open(), facts)
    colour, alpha = to_working(image, use=facts.profile, depth=facts.depth)
    picture = colour if alpha is None else colour.bandjoin(alpha)
    picture = picture.copy()
    if picture.get_typeof(PROFILE_FIELD) != 0:
        picture.remove(PROFILE_FIELD)  # it was used, or is of no use
    small = picture.thumbnail_image(side_px, height=side_px, size="down", no_rotate=True)
    small = small.colourspace("srgb")
    if small.hasalpha():
        small = small.flatten(background=list(PAPER))
    # Turning reads samples in another order than they come from the file.
    return small.cast("uchar").copy_memory()
