"""The canvas puts tiles together in any order, exactly."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giornata.workers.errors import IncompleteCanvas
from giornata.workers.tiling.canvas import Canvas, Ramp, segments, weights
from giornata.workers.tiling.grid import TileGrid
from tests.workers.tiling.grids import grids


@given(grids, st.sampled_from(Ramp))
def test_blend_weights_sum_to_one_at_every_pixel(grid: TileGrid, ramp: Ramp) -> None:
    for cuts, length in ((grid.rows, grid.padded_height), (grid.columns, grid.padded_width)):
        total = np.zeros(length, np.float64)
        for segment in segments(cuts, grid.overlap_px):
            for owned in weights(segment, ramp):
                total[segment.start : segment.stop] += owned
        assert np.abs(total - 1).max() < 1e-6


@given(grids)
def test_segments_follow_each_other_without_gaps(grid: TileGrid) -> None:
    stretches = list(segments(grid.columns, grid.overlap_px))
    assert stretches[0].start == 0
    assert stretches[-1].stop == grid.padded_width
    assert all(a.stop == b.start for a, b in pairwise(stretches))


@settings(max_examples=25, deadline=None)
@given(grid=grids, seed=st.integers(0, 99))
def test_stitching_what_was_cut_gives_the_picture_back(
    tmp_path_factory: pytest.TempPathFactory, grid: TileGrid, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (grid.padded_height, grid.padded_width, 3)).astype(np.uint8)
    canvas = Canvas(grid, np.zeros((grid.height, grid.width, 3), np.uint8), tmp_path_factory.mktemp("strips"))
    tiles = list(grid)
    rng.shuffle(tiles)
    for tile in tiles:
        reach = tile.reach
        canvas.add(tile, picture[reach.top : reach.bottom, reach.left : reach.right] / np.float32(255))
    assert np.array_equal(canvas.finish(), picture[: grid.height, : grid.width])


def test_a_step_between_two_tiles_becomes_a_ramp(tmp_path: Path) -> None:
    grid = TileGrid(width=128, height=32, core_px=64, stride=4, halo_px=0, overlap_px=32)
    canvas = Canvas(grid, np.zeros((32, 128, 3), np.float32), tmp_path, ramp=Ramp.LINEAR)
    for tile in grid:
        canvas.add(tile, np.full((tile.reach.height, tile.reach.width, 3), float(tile.index), np.float32))
    row = canvas.finish()[16, :, 0]
    assert row[:48].max() == 0
    assert row[80:].min() == 1
    assert np.allclose(np.diff(row[48:80]), 1 / 32)


def test_a_canvas_with_a_missing_tile_refuses_to_finish(tmp_path: Path) -> None:
    grid = TileGrid(width=128, height=64, core_px=64, stride=4, halo_px=0)
    canvas = Canvas(grid, np.zeros((64, 128, 3), np.uint8), tmp_path)
    canvas.add(grid[0], np.zeros((64, 64, 3), np.float32))
    with pytest.raises(IncompleteCanvas, match="1 of 2 tiles are missing, the first is tile 1"):
        canvas.finish()


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    grid = TileGrid(width=64, height=64, core_px=64, stride=4, halo_px=0)
    canvas = Canvas(grid, np.zeros((64, 64, 3), np.uint16), tmp_path)
    values = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    canvas.add(grid[0], values / np.float32(65535))
    assert np.array_equal(canvas.finish(), values)
