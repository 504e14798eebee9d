"""Who painted which tile is read from the strips, and told in the record of a picture of several tiles."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from giornata.jobs.model.paths import sidecar_of
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling.canvas import Canvas, tile_records
from giornata.workers.tiling.grid import TileGrid
from tests.support.batches import wave_of


def test_tiles_are_told_in_the_order_they_came_with_their_workers(tmp_path: Path) -> None:
    grid = TileGrid(width=96, height=64, core_px=32, stride=4, halo_px=0, overlap_px=0, min_side=4)
    pixels = np.zeros((64, 96, 3), np.uint8)
    for worker, indexes in (("one", (4, 0)), ("two", (5,)), ("one", (1,))):
        canvas = Canvas(grid, pixels, tmp_path, worker=worker)
        for index in indexes:
            tile = grid[index]
            canvas.add(tile, np.zeros((tile.reach.height, tile.reach.width, 3), np.float32))
    told = tile_records(tmp_path)
    assert [(one.index, one.worker) for one in told] == [(4, "one"), (0, "one"), (5, "two"), (1, "one")]
    assert [one.took_s is None for one in told] == [True, False, True, False]
    assert told[0].at_s == 0.0
    assert tile_records(tmp_path / "none") == ()


def test_the_record_of_a_picture_of_several_tiles_names_their_painters(tmp_path: Path) -> None:
    source, target = tmp_path / "a.png", tmp_path / "out.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)).save(source)
    task = wave_of(source, target, tile_px=96, sidecar=True)
    renderer = Renderer(RenderSettings(scratch=tmp_path / "scratch", worker="render-3.0"))
    try:
        made = renderer.render(task, target)
    finally:
        renderer.close()
    told = json.loads(sidecar_of(target).read_text())["tiles"]
    assert made.tiles == told["columns"] * told["rows"] > 1
    assert sorted(one["index"] for one in told["painted"]) == list(range(made.tiles))
    assert {one["worker"] for one in told["painted"]} == {"render-3.0"}
