"""Which file of a delivered folder of tiles shows the whole picture small: for sheets and lists."""

import json
import math
import re

from giornata.jobs.choices import PictureFormat
from giornata.jobs.ports import Place
from giornata.workers.deepzoom import DZI_TILE_PX

_SIDE = re.compile(r'\b(Width|Height)="(\d+)"')


def small_copy(place: Place, folder: str, format: str, *, side_px: int) -> str | None:
    """The name of a JPEG in `folder`, a picture of tiles of ours, whose long side is about `side_px`.

    Nothing where there is none. Raises `OSError`, `PlaceError`.
    """
    if format == PictureFormat.IIIF:
        return _iiif_size(place, folder, side_px)
    return _dzi_level(place, folder) if format == PictureFormat.DZI else None


def _iiif_size(place: Place, folder: str, side_px: int) -> str | None:
    """The smallest of the offered sizes that is large enough, or the largest."""
    if place.head(f"{folder}/info.json") is None:
        return None
    sizes = [(one["width"], one["height"]) for one in json.loads(place.read(f"{folder}/info.json"))["sizes"]]
    width, height = next((size for size in sorted(sizes) if max(size) >= side_px), max(sizes))
    return f"{folder}/full/{width},{height}/0/default.jpg"


def _dzi_level(place: Place, folder: str) -> str | None:
    """The only tile of the largest level that has one; a level is half of the next, the last is all of it."""
    index = next((one.name for one in place.list(folder, depth=1) if one.name.endswith(".dzi")), None)
    if index is None:
        return None
    side = max(int(px) for _, px in _SIDE.findall(place.read(index).decode()))
    last = math.ceil(math.log2(side))
    halved = max(0, math.ceil(math.log2(side / DZI_TILE_PX)))
    return f"{index.removesuffix('.dzi')}_files/{last - halved}/0_0.jpg"
