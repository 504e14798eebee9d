"""What is known of the tiles of a large picture while it is being painted: its plan, and which are there."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from giornata.jobs.works import PICTURES

SIDE_PX = 1400
STRIPS = "strips-"


@dataclass(frozen=True)
class Growth:
    """A picture at work: its size, its plan of tiles, and when each that is there was finished."""

    folder: Path
    width: int
    height: int
    core_px: int
    done: dict[int, float]

    @property
    def columns(self) -> int:
        """How many tiles lie beside each other."""
        return -(-self.width // self.core_px)

    @property
    def rows(self) -> int:
        """How many tiles lie below each other."""
        return -(-self.height // self.core_px)

    def told(self) -> dict[str, Any]:
        """For pages: tiles with the seconds after the first one at which they were finished."""
        first = min(self.done.values(), default=0.0)
        done = [[index, round(at - first, 2)] for index, at in sorted(self.done.items())]
        size = {"width": self.width, "height": self.height}
        return {**size, "columns": self.columns, "rows": self.rows, "core_px": self.core_px, "done": done}

    def picture(self) -> bytes:
        """What is painted so far, WebP, transparent where nothing is."""
        canvas = np.load(self.folder / "canvas.npy", mmap_mode="r")
        step = max(1, -(-max(self.width, self.height) // SIDE_PX))
        small = np.array(canvas[::step, ::step])
        if small.dtype == np.uint16:
            small = (small >> 8).astype(np.uint8)
        elif small.dtype != np.uint8:
            small = (np.clip(small, 0, 1) * 255).astype(np.uint8)
        alpha = np.zeros(small.shape[:2], np.uint8)
        for index in self.done:
            row, column = divmod(index, self.columns)
            top, bottom = (self.height * at // self.rows // step for at in (row, row + 1))
            left, right = (self.width * at // self.columns // step for at in (column, column + 1))
            alpha[top : bottom + 1, left : right + 1] = 255
        written = io.BytesIO()
        Image.fromarray(np.dstack([small, alpha]), "RGBA").save(written, "WEBP", quality=80)
        return written.getvalue()


def growth_of(scratch: Path | None, item_id: str) -> Growth | None:
    """The picture of an item that is being painted, where it is a large one on this machine."""
    if scratch is None or not item_id.isalnum():
        return None
    for record in (scratch / PICTURES).glob(f"{item_id}-*/prepared.json"):
        try:
            made = json.loads(record.read_text())
            header = np.load(record.parent / "canvas.npy", mmap_mode="r")
            height, width = header.shape[:2]
            done = {
                int(path.stem.removeprefix(STRIPS)): path.stat().st_mtime
                for path in (record.parent / "strips").glob(f"{STRIPS}*.npz")
            }
            return Growth(record.parent, width, height, int(made["core_px"]), done)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
