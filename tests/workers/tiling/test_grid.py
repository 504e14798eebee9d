import numpy as np
import pytest
from hypothesis import given

from giornata.workers.errors import BadTiling
from giornata.workers.tiling.grid import TileGrid
from tests.workers.tiling.grids import grids


@given(grids)
def test_cores_cover_the_padded_picture_once(grid: TileGrid) -> None:
    hits = np.zeros((grid.padded_height, grid.padded_width), np.int32)
    for tile in grid:
        hits[tile.core.top : tile.core.bottom, tile.core.left : tile.core.right] += 1
        assert all(value % grid.stride == 0 for value in (*tile.core, *tile.reach, *tile.input))
        assert max(tile.core.height, tile.core.width) <= grid.core_px
    assert (hits == 1).all()


@pytest.mark.parametrize("options", [{"core_px": 66}, {"core_px": 4096}, {"overlap_px": 12}, {"width": 0}])
def test_a_grid_that_breaks_the_engines_stride_is_refused(options: dict[str, int]) -> None:
    sound = {"width": 100, "height": 100, "core_px": 64, "stride": 4, "halo_px": 64, "overlap_px": 0}
    with pytest.raises(BadTiling):
        TileGrid(**(sound | options))
