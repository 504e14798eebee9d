"""`giornata bench tiles`: what each way of cutting a picture costs and what it does to the pixels.

Every row runs in a process of its own, so that its peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from giornata.cluster.bench.batch import photograph
from giornata.styles.engine import collect_totals, render_tile
from giornata.styles.feedforward.engine import FeedForwardEngine
from giornata.styles.library import Library
from giornata.styles.loader import load_feedforward
from giornata.styles.moments import Totals
from giornata.workers.rendering.quality import largest_difference, psnr_db, seam_step
from giornata.workers.tiling.arrays import read_box, reduced
from giornata.workers.tiling.canvas import Canvas
from giornata.workers.tiling.executor import (
    TileExecutor,
    exact_totals,
    grid_for,
    render_tiles,
    totals_of_picture,
)
from giornata.workers.tiling.grid import Box, TileGrid

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Setting:
    """Style, size, tiles and threads of one measurement."""

    style: str = "great-wave"
    styles: str = ""
    width: int = 1536
    height: int = 1024
    tile_px: int = 512
    threads: int = 4


@dataclass(frozen=True)
class Row:
    """One line of the table; `peak_mb` is resident memory above that of the loaded program."""

    name: str
    psnr_db: float
    largest: float
    seam: float
    seconds: float
    peak_mb: float


class Haloless(FeedForwardEngine):
    """The engine as a loop over crops uses it: no context around a tile."""

    halo_px = 0


def engine_for(setting: Setting) -> FeedForwardEngine:
    """The engine, on as many lanes as the setting has threads."""
    folders = (Path(setting.styles),) if setting.styles else ()
    return load_feedforward(Library(folders), {setting.style: 1.0}, lanes=setting.threads)


def whole(setting: Setting, pixels: NDArray[np.uint8], folder: Path) -> Floats:
    """The network's own definition on the whole picture; the reference of all other ways."""
    engine = engine_for(setting)
    torch.set_num_threads(setting.threads)
    height, width = pixels.shape[:2]
    padded = read_box(pixels, Box(0, 0, -(-height // 4) * 4, -(-width // 4) * 4))
    with torch.inference_mode():
        styled = engine.network(torch.from_numpy(padded).permute(2, 0, 1)[None], engine.weights)
    out: Floats = styled[0].permute(1, 2, 0).numpy()[:height, :width]
    return out


def naive(setting: Setting, pixels: NDArray[np.uint8], folder: Path) -> Floats:
    """Every tile on its own statistics, no halo, butted."""
    engine = engine_for(setting)
    bare = Haloless(engine.network, engine.weights, lanes=setting.threads)
    return _own_statistics(bare, setting, pixels, folder, overlap_px=0)


def naive_blended(setting: Setting, pixels: NDArray[np.uint8], folder: Path) -> Floats:
    """Every tile on its own statistics, with halo, blended over 64 px."""
    return _own_statistics(engine_for(setting), setting, pixels, folder, overlap_px=64)


def thumbnail(setting: Setting, pixels: NDArray[np.uint8], folder: Path) -> Floats:
    """Statistics of a copy a quarter the size (URST, Chen et al. 2022), with halo."""
    engine = engine_for(setting)
    long_side = max(pixels.shape[:2]) // 4
    totals = totals_of_picture(engine, reduced(pixels, long_side))
    return _tiled(engine, setting, pixels, folder, lambda _: totals)


def exact(setting: Setting, pixels: NDArray[np.uint8], folder: Path) -> Floats:
    """The product's default: the picture's own statistics, with halo."""
    return _tiled(engine_for(setting), setting, pixels, folder, lambda desk: exact_totals(desk, desk.grid))


WAYS: dict[str, Callable[[Setting, NDArray[np.uint8], Path], Floats]] = {
    "whole": whole,
    "naive": naive,
    "naive, blended": naive_blended,
    "thumbnail": thumbnail,
    "exact": exact,
}


def _grid(engine: FeedForwardEngine, setting: Setting, overlap_px: int) -> TileGrid:
    size = (setting.width, setting.height)
    return grid_for(engine, *size, core_px=setting.tile_px, overlap_px=overlap_px)


def _canvas(grid: TileGrid, folder: Path) -> Canvas:
    return Canvas(grid, np.zeros((grid.height, grid.width, 3), np.float32), folder / "strips")


def _own_statistics(
    engine: FeedForwardEngine, setting: Setting, pixels: NDArray[np.uint8], folder: Path, *, overlap_px: int
) -> Floats:
    grid = _grid(engine, setting, overlap_px)
    canvas = _canvas(grid, folder)
    for tile in grid:
        part = torch.from_numpy(np.ascontiguousarray(read_box(pixels, tile.input)))
        totals = tuple(collect_totals(engine, part))
        styled = render_tile(engine, part, tile.core.within(tile.input), totals)
        canvas.add(tile, styled[tile.reach.within(tile.input)].numpy())
    return np.asarray(canvas.finish(), np.float32)


def _tiled(
    engine: FeedForwardEngine,
    setting: Setting,
    pixels: NDArray[np.uint8],
    folder: Path,
    learn: Callable[[TileExecutor], Totals],
) -> Floats:
    desk = TileExecutor(engine, _grid(engine, setting, 64), pixels)
    canvas = _canvas(desk.grid, folder)
    for _ in render_tiles(desk, canvas, desk.grid, learn(desk)):
        pass
    return np.asarray(canvas.finish(), np.float32)


def run_one(name: str, setting: Setting, folder: Path) -> dict[str, float]:
    """One row's work in this process: writes `<name>.npy`, returns seconds and peak memory."""
    torch.set_num_threads(1)
    pixels = photograph(0, setting.width, setting.height)
    engine_for(setting)  # reading the weights is not part of any way
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    styled = WAYS[name](setting, pixels, folder)
    seconds = time.perf_counter() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    np.save(folder / f"{name}.npy", styled)
    return {"seconds": seconds, "peak_mb": peak_kb / 1024}


def measure(setting: Setting, folder: Path) -> list[Row]:
    """All rows, in one run; the pictures stay in `folder` as .npy."""
    folder.mkdir(parents=True, exist_ok=True)
    reference: Floats | None = None
    rows = []
    for name in WAYS:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            order = json.dumps({"name": name, "setting": asdict(setting), "folder": scratch})
            command = [sys.executable, "-m", "giornata.cluster.bench.tiles", order]
            cost = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            picture: Floats = np.load(Path(scratch) / f"{name}.npy")
        reference = picture if reference is None else reference
        np.save(folder / f"{name.replace(', ', '-')}.npy", picture)
        grid = grid_for(engine_for(setting), setting.width, setting.height, core_px=setting.tile_px)
        largest, seam = largest_difference(picture, reference), seam_step(picture, reference, grid)
        rows.append(Row(name, psnr_db(picture, reference), largest, seam, **cost))
    return rows


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    result = run_one(request["name"], Setting(**request["setting"]), Path(request["folder"]))
    sys.stdout.write(json.dumps(result))
