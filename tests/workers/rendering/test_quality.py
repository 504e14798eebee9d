"""The measures see what they are meant to see."""

import numpy as np
import pytest

from giornata.workers.rendering.quality import largest_difference, psnr_db, seam_step
from giornata.workers.tiling.grid import TileGrid

GRID = TileGrid(width=96, height=64, core_px=32, stride=4, halo_px=0)


def motif() -> np.ndarray:
    return np.random.default_rng(0).random((64, 96, 3), dtype=np.float32)


def test_a_planted_seam_is_measured_at_its_height() -> None:
    whole = motif()
    seamed = whole.copy()
    for tile in GRID:
        box = tile.core
        seamed[box.top : box.bottom, box.left : box.right] += (tile.row + tile.column) % 2 * 10 / 255
    assert seam_step(seamed, whole, GRID) == pytest.approx(10, abs=0.1)


def test_a_change_of_tone_is_no_seam() -> None:
    assert abs(seam_step(motif() * 0.5 + 0.2, motif(), GRID)) < 1.5


def test_psnr_of_a_known_error() -> None:
    whole = motif()
    assert psnr_db(whole, whole) == float("inf")
    assert psnr_db(whole + np.float32(0.1), whole) == pytest.approx(20, abs=0.01)
    assert largest_difference(whole + np.float32(2 / 255), whole) == pytest.approx(2, abs=0.01)
