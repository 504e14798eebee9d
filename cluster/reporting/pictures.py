"""The pictures of a contact sheet as data that travels inside the page."""

import base64
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.store.records import ItemRecord
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import RenderError

HEIGHT_PX = 240  # sharp at 160 px on most screens; some 12 kB each
ASPECTS = (0.4, 2.4)  # what a row of pictures of one height can take
PATIENCE_S = 60.0  # giants take seconds each; what comes later is named, not shown


@dataclass(frozen=True)
class Picture:
    """One cell of the sheet: `uri` holds a small JPEG, or is empty and `missing` says why."""

    item: ItemRecord
    uri: str = ""
    missing: str = ""

    @property
    def aspect(self) -> float:
        """Width over height, as far as a row of pictures can take it."""
        item = self.item
        narrowest, widest = ASPECTS
        return min(widest, max(narrowest, item.width / item.height)) if item.width and item.height else 1.0


def pictured(items: Sequence[ItemRecord], *, patience_s: float = PATIENCE_S) -> Iterator[Picture]:
    """A picture for every item. What lies at the targets is opened in a process of its own only."""
    until = time.monotonic() + patience_s
    with tempfile.TemporaryDirectory(prefix="giornata-report-") as folder, Sandbox() as sandbox:
        target = Path(folder) / "small.jpg"
        for item in items:
            if time.monotonic() > until:
                yield Picture(item, missing="left out to save time")
            else:
                yield _picture(Picture(item), sandbox, target)


def _picture(picture: Picture, sandbox: Sandbox, target: Path) -> Picture:
    item, place = picture.item, Path(picture.item.target)
    try:
        if not place.is_file():
            return Picture(item, missing="no longer there")
        if item.bytes is not None and place.stat().st_size != item.bytes:
            return Picture(item, missing="changed since it was delivered")
        sandbox.thumbnail(place, target, side_px=round(HEIGHT_PX * max(1.0, picture.aspect)))
        data = base64.b64encode(target.read_bytes()).decode("ascii")
    except (RenderError, OSError):
        return Picture(item, missing="cannot be shown")
    return Picture(item, uri=f"data:image/jpeg;base64,{data}")
