"""Which file of a delivered folder or zip of tiles shows the whole picture small: for sheets and lists."""

import json
import math
import re
from collections.abc import Iterator
from typing import Protocol
from zipfile import BadZipFile

from giornata.jobs.storage.base import Entry, Place
from giornata.workers.deepzoom import DZI_TILE_PX
from giornata.workers.zipped import ZippedFolder

ZIP = ".zip"
_SIDE = re.compile(r'\b(Width|Height)="(\d+)"')


class Shelf(Protocol):
    """What tiles are read from: a `Place`, or a zip."""

    def head(self, name: str) -> Entry | None: ...

    def read(self, name: str) -> bytes: ...

    def list(self, folder: str, *, depth: int | None = None) -> Iterator[Entry]: ...


def small_copy(place: Place, target: str, *, side_px: int) -> bytes | None:
    """A JPEG of a picture of tiles of ours, whose long side is about `side_px`, from its folder or zip.

    Nothing where there is none, or no zip any more. Raises `OSError`, `PlaceError`.
    """
    shelf: Shelf = place
    folder = target
    if target.endswith(ZIP):
        if place.head(target) is None:
            return None
        try:
            shelf = zipped = ZippedFolder(place, target)
        except BadZipFile:
            return None
        folder = zipped.folder
    name = _iiif_size(shelf, folder, side_px) or _dzi_level(shelf, folder)
    return shelf.read(name) if name and shelf.head(name) else None


def _iiif_size(place: Shelf, folder: str, side_px: int) -> str | None:
    """The smallest of the offered sizes that is large enough, or the largest."""
    if place.head(f"{folder}/info.json") is None:
        return None
    sizes = [(one["width"], one["height"]) for one in json.loads(place.read(f"{folder}/info.json"))["sizes"]]
    width, height = next((size for size in sorted(sizes) if max(size) >= side_px), max(sizes))
    return f"{folder}/full/{width},{height}/0/default.jpg"


def _dzi_level(place: Shelf, folder: str) -> str | None:
    """The only tile of the largest level that has one; a level is half of the next, the last is all of it."""
    index = next((one.name for one in place.list(folder, depth=1) if one.name.endswith(".dzi")), None)
    if index is None:
        return None
    side = max(int(px) for _, px in _SIDE.findall(place.read(index).decode()))
    last = math.ceil(math.log2(side))
    halved = max(0, math.ceil(math.log2(side / DZI_TILE_PX)))
    return f"{index.removesuffix('.dzi')}_files/{last - halved}/0_0.jpg"
