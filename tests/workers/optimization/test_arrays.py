from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from giornata.workers.optimization.arrays import ScaleArrays, crossing, padded
from giornata.workers.tiling.grid import Box, TileGrid

boxes = st.builds(
    lambda top, left, height, width: Box(top, left, top + height, left + width),
    *(st.integers(0, 12) for _ in range(4)),
)


def painted(box: Box) -> np.ndarray:
    """The pixels of a box, marked."""
    plane = np.zeros((30, 30), bool)
    plane[box.top : box.bottom, box.left : box.right] = True
    return plane


@given(boxes, boxes)
def test_boxes_cross_where_both_have_pixels(left: Box, right: Box) -> None:
    both, shared = painted(left) & painted(right), crossing(left, right)
    assert np.array_equal(both, painted(shared) if shared else np.zeros((30, 30), bool))
    assert (shared is None) is not both.any()
    assert crossing(right, left) == shared


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_picture_is_mirrored_out_in_its_own_precision(dtype: type) -> None:
    pixels = np.random.default_rng(0).random((5, 7, 3)).astype(dtype)
    whole = padded(pixels, Box(0, 0, 8, 12))
    assert whole.dtype == dtype
    assert np.array_equal(whole, np.pad(pixels, ((0, 3), (0, 5), (0, 0)), "symmetric"))


@pytest.fixture
def arrays(tmp_path: Path) -> ScaleArrays:
    grid = TileGrid(width=50, height=40, core_px=16, stride=4, halo_px=8)
    random = np.random.default_rng(1)
    content, start = random.random((2, 40, 50, 3))
    return ScaleArrays.laid_out(tmp_path / "scale", grid, content=content, start=start)


def test_the_gradients_of_tiles_that_overlap_are_added(arrays: ScaleArrays) -> None:
    assert len(arrays.grid) > 4
    whole = np.zeros_like(arrays.picture)
    random = np.random.default_rng(2)
    for tile in arrays.grid:
        gradient = random.random((tile.input.height, tile.input.width, 3))
        arrays.write_gradient(tile, torch.from_numpy(gradient))
        whole[tile.input.top : tile.input.bottom, tile.input.left : tile.input.right] += gradient
    for tile in arrays.grid:
        core = tile.core
        expected = whole[core.top : core.bottom, core.left : core.right]
        assert np.allclose(arrays.gathered(tile).numpy(), expected)


def test_a_core_that_one_worker_wrote_is_seen_by_another(arrays: ScaleArrays) -> None:
    other = ScaleArrays(arrays.folder, arrays.grid)
    tile = arrays.grid[1]
    core = torch.full((tile.core.height, tile.core.width, 3), 0.25, dtype=torch.float64)
    arrays.write_core(tile, core)
    assert torch.equal(other.tile_of(other.picture, tile.core), core)
    assert not np.any(other.picture[: tile.core.bottom, : tile.core.left] == 0.25)


def test_what_is_kept_comes_back(arrays: ScaleArrays) -> None:
    arrays.keep("state", {"step": 3, "losses": [1.5], "vector": torch.arange(3.0)})
    kept = ScaleArrays(arrays.folder, arrays.grid).kept("state")
    assert (kept["step"], kept["losses"], kept["vector"].tolist()) == (3, [1.5], [0, 1, 2])
    assert sorted(path.name for path in arrays.folder.iterdir()) == ["content.npy", "picture.npy", "state.pt"]
