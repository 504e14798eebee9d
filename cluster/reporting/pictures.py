"""The pictures of a contact sheet as data that travels inside the page."""

import base64
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from giornata.jobs.records import ItemRecord
from giornata.workers.errors import RenderError
from giornata.workers.sandbox import Sandbox

SIDE_PX = 320  # sharp at 160 px on a dense screen; some 15 kB each
PATIENCE_S = 60.0  # giants take seconds each; what comes later is named, not shown


@dataclass(frozen=True)
class Picture:
    """One cell of the sheet: `uri` holds a small JPEG, or is empty and `missing` says why."""

    item: ItemRecord
    uri: str = ""
    missing: str = ""

    @property
    def aspect(self) -> float:
        """Width over height, as far as a row of pictures can take it: 0.4 to 3."""
        item = self.item
        return min(3.0, max(0.4, item.width / item.height)) if item.width and item.height else 1.0


def pictured(items: Sequence[ItemRecord], *, patience_s: float = PATIENCE_S) -> Iterator[Picture]:
    """A picture for every item. What lies at the targets is opened in a process of its own only."""
    until = time.monotonic() + patience_s
    with tempfile.TemporaryDirectory(prefix="giornata-report-") as folder, Sandbox() as sandbox:
        target = Path(folder) / "small.jpg"
        for item in items:
            if time.monotonic() > until:
                yield Picture(item, missing="left out to save time")
            else:
                yield _picture(item, lambda path: _small(sandbox, path, target))


def _picture(item: ItemRecord, small: Callable[[Path], bytes]) -> Picture:
    place = Path(item.target)
    try:
        if not place.is_file():
            return Picture(item, missing="no longer there")
        if item.bytes is not None and place.stat().st_size != item.bytes:
            return Picture(item, missing="changed since it was delivered")
        data = base64.b64encode(small(place)).decode("ascii")
    except (RenderError, OSError):
        return Picture(item, missing="cannot be shown")
    return Picture(item, uri=f"data:image/jpeg;base64,{data}")


def _small(sandbox: Sandbox, path: Path, target: Path) -> bytes:
    sandbox.thumbnail(path, target, side_px=SIDE_PX)
    return target.read_bytes()
