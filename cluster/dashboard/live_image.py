"""A large image while it is being painted: its plan of tiles, and which of them are there."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from giornata.jobs.maintenance.gc import PICTURES
from giornata.workers.tiling.canvas import PaintedTile, tile_records

SIDE_PX = 1400


@dataclass(frozen=True)
class LiveImage:
    """An image at work: its size, its plan of tiles, and the painted tiles in order of arrival."""

    folder: Path
    width: int
    height: int
    core_px: int
    overlap_px: int
    done: tuple[PaintedTile, ...]

    @property
    def columns(self) -> int:
        """How many tiles lie beside each other."""
        return -(-self.width // self.core_px)

    @property
    def rows(self) -> int:
        """How many tiles lie below each other."""
        return -(-self.height // self.core_px)

    def describe(self) -> dict[str, Any]:
        """The JSON that pages read: the plan, and each tile with its worker."""
        tiles = [tile.model_dump() for tile in self.done]
        size = {"width": self.width, "height": self.height}
        return {**size, "columns": self.columns, "rows": self.rows, "core_px": self.core_px, "done": tiles}

    def webp(self) -> bytes:
        """The image as painted so far, WebP, transparent where it is unpainted."""
        canvas = np.load(self.folder / "canvas.npy", mmap_mode="r")
        step = max(1, -(-max(self.width, self.height) // SIDE_PX))
        small = np.array(canvas[::step, ::step])
        if small.dtype == np.uint16:
            small = (small >> 8).astype(np.uint8)
        elif small.dtype != np.uint8:
            small = (np.clip(small, 0, 1) * 255).astype(np.uint8)
        alpha = np.zeros(small.shape[:2], np.uint8)
        shared = np.zeros(small.shape[:2], bool)
        for index in range(1, self.rows):
            shared[self._overlap_at(index, self.height, self.rows, step)] = True
        for index in range(1, self.columns):
            shared[:, self._overlap_at(index, self.width, self.columns, step)] = True
        for tile in self.done:
            row, column = divmod(tile.index, self.columns)
            top, bottom = (self.height * at // self.rows // step for at in (row, row + 1))
            left, right = (self.width * at // self.columns // step for at in (column, column + 1))
            alpha[top : bottom + 1, left : right + 1] = 255
        alpha[shared & ~small.any(axis=2)] = 0  # blended when all tiles are there
        written = io.BytesIO()
        Image.fromarray(np.dstack([small, alpha]), "RGBA").save(written, "WEBP", quality=80)
        return written.getvalue()

    def _overlap_at(self, index: int, length: int, count: int, step: int) -> slice:
        """The overlap of two tiles at a cut, in px of an image that is `step` times smaller."""
        cut = length * index // count
        return slice((cut - self.overlap_px // 2) // step, -(-(cut + self.overlap_px // 2) // step) + 1)


def live_image_of(scratch: Path | None, item_id: str, *, overlap_px: int) -> LiveImage | None:
    """The large image that is being painted for an item on this machine; None without one."""
    if scratch is None or not item_id.isalnum():
        return None
    for record in (scratch / PICTURES).glob(f"{item_id}-*/prepared.json"):
        try:
            plan = json.loads(record.read_text())
            header = np.load(record.parent / "canvas.npy", mmap_mode="r")
            height, width = header.shape[:2]
            done = tile_records(record.parent / "strips")
            return LiveImage(record.parent, width, height, int(plan["core_px"]), overlap_px, done)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
