"""Who painted which tile of a picture, and how long it took: what lies in the tiles' strip files."""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from giornata.workers.canvas import PAINTER, STRIPS

MOST = 4096  # tiles whose painters a record names


class PaintedTile(BaseModel):
    """A tile that is there: seconds since the first one, and since its worker's last one if there was any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    worker: str
    at_s: float
    took_s: float | None = None


def painted_tiles(strips: Path) -> tuple[PaintedTile, ...]:
    """The tiles whose strips lie in a folder, in the order they came. Raises `OSError`, `ValueError`."""
    found = sorted((path.stat().st_mtime, path) for path in strips.glob(f"{STRIPS}*.npz"))
    before: dict[str, float] = {}
    tiles = []
    for at, path in found:
        with np.load(path) as pieces:
            worker = str(pieces[PAINTER]) if PAINTER in pieces else ""
        took_s = round(at - before[worker], 2) if worker in before else None
        index = int(path.stem.removeprefix(STRIPS))
        tiles.append(PaintedTile(index=index, worker=worker, at_s=round(at - found[0][0], 2), took_s=took_s))
        before[worker] = at
    return tuple(tiles)
