"""Writes a style image as it is learnt: upright, sRGB, reduced. Runs inside the decoding process only."""

from pathlib import Path

import pyvips

from giornata.workers.color.to_working import PROFILE_FIELD, to_working
from giornata.workers.decoding.decode import UPRIGHT, VIPS_TYPES, write_npy
from giornata.workers.decoding.source_file import SourceFile
from giornata.workers.decoding.vips import workable
from giornata.workers.errors import ScratchFull
from giornata.workers.source import Depth, SourceFacts

# What every viewer shows behind transparent pixels; the colours stored there have been seen by nobody.
PAPER = {Depth.UINT8: 255.0, Depth.UINT16: 65_535.0}


def write_style_image(source: SourceFile, facts: SourceFacts, target: Path, *, short_px: int) -> None:
    """Writes `source` to the numpy file `target`: H x W x 3 in its own depth, its short side `short_px`.

    Never enlarged; transparent pixels lie on white. The file is small whatever the source: it is reduced as
    it is decoded. Raises `Rejected` for damage met on the way, `ScratchFull` when it cannot be written.
    """
    try:
        image = _reduced(source, facts, short_px)
        for turn in UPRIGHT.get(facts.orientation, ()):
            image = getattr(image, turn)()
        image = image.copy_memory()
    except pyvips.Error as error:
        raise source.damage(error) from error
    try:
        write_npy(image, target, facts.depth)
    except (OSError, pyvips.Error) as error:
        size = image.width * image.height * image.bands * facts.depth.bytes
        raise ScratchFull(str(target.parent), size, 0) from error


def _reduced(source: SourceFile, facts: SourceFacts, short_px: int) -> pyvips.Image:
    """The stored picture on paper, in memory: turning reads samples in another order than they come."""
    colour, alpha = to_working(workable(source.open(), facts), use=facts.profile, depth=facts.depth)
    picture = colour.copy()
    if picture.get_typeof(PROFILE_FIELD) != 0:
        picture.remove(PROFILE_FIELD)  # it was used, or is of no use
    if alpha is not None:
        paper = PAPER[facts.depth]
        picture = picture.bandjoin(alpha).flatten(background=[paper] * 3, max_alpha=paper)
    short = min(picture.width, picture.height)
    if short > short_px:
        wide, high = (max(1, round(side * short_px / short)) for side in (picture.width, picture.height))
        picture = picture.resize(wide / picture.width, vscale=high / picture.height, kernel="lanczos3")
    return picture.cast(VIPS_TYPES[facts.depth]).copy_memory()
