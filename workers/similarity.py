"""Structural similarity of two pictures: how much of one can still be recognised in the other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from giornata.workers.mapped import ebbing
from giornata.workers.picture import reduced

COMPARED_PX = 1024  # long side at which pictures are compared, so that a number means the same at any size
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709, on gamma-encoded samples
WINDOW_DEVIATION_PX = 1.5  # the window of Wang et al. 2004: 11 px wide
TRUNCATE = 3.5
C1, C2 = 0.01**2, 0.03**2

Floats = NDArray[np.float32]


def similarity(first: NDArray[Any], second: NDArray[Any]) -> float:
    """SSIM of two pictures of one shape, both shrunk to `COMPARED_PX`: 1 is the same, 0 nothing alike.

    uint8, uint16 or float32 0..1, H x W x 3, sRGB; memory maps are streamed.
    """
    with ebbing(first, second):
        small = [reduced(picture, COMPARED_PX) for picture in (first, second)]
    return ssim(small[0] @ LUMA, small[1] @ LUMA)


def ssim(first: Floats, second: Floats) -> float:
    """Mean structural similarity of two grey pictures 0..1, H x W (Wang et al. 2004)."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x, var_y = _windowed(x * x) - mean_x**2, _windowed(y * y) - mean_y**2
    both = _windowed(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    likeness /= (mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2)
    return float(likeness.mean())


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = gaussian_filter(
        values, WINDOW_DEVIATION_PX, truncate=TRUNCATE, mode="reflect"
    )
    return found
