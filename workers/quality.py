"""Measures of a render: how far it is from another, and whether tile borders can be seen in it."""

import numpy as np
from numpy.typing import NDArray

from giornata.workers.tiles import TileGrid

Floats = NDArray[np.float32]
BESIDE_PX = 8  # on both sides of a border: the same motif, without the seam


def psnr_db(got: Floats, wanted: Floats) -> float:
    """Peak signal-to-noise ratio of two pictures 0..1 of the same shape, in dB; infinite when identical."""
    error = float(np.mean((got.astype(np.float64) - wanted.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def largest_difference(got: Floats, wanted: Floats) -> float:
    """The largest difference on any channel, in units of 1/255."""
    return float(np.abs(got - wanted).max()) * 255


def seam_step(picture: Floats, wanted: Floats, grid: TileGrid) -> float:
    """How much more `picture` departs from `wanted` in its jumps across core borders than beside them.

    Both float32, H x W x 3, 0..1; the result is in units of 1/255 and near zero when seams do not show. The
    jump of the whole render is subtracted first, so that an edge of the motif is not taken for a seam.
    """
    steps = []
    for axis, cuts, length in ((0, grid.rows, grid.height), (1, grid.columns, grid.width)):
        excess = np.abs(np.diff(picture - wanted, axis=axis)).mean(axis=(1 - axis, 2))
        for border in (cut - 1 for cut in cuts[1:-1] if cut < length):
            beside = [*excess[border - BESIDE_PX : border], *excess[border + 1 : border + 1 + BESIDE_PX]]
            steps.append(float(excess[border] - np.mean(beside)))
    return 255 * float(np.mean(steps)) if steps else 0.0
