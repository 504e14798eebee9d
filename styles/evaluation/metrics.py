"""How much of the photograph is left in a styled image: measures that need no network.

Images are float32, H x W x 3, sRGB 0..1, and both of one shape; luma is H x W of the same range.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from giornata.styles.evaluation.errors import BadEvaluation

Image = NDArray[np.float32]
Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]

LUMA = np.array([0.299, 0.587, 0.114], np.float64)  # ITU-R BT.601, as Wang et al. 2004 convert to grey
SSIM_SIGMA_PX, SSIM_RADIUS_PX = 1.5, 5  # an 11 px window
C1, C2 = 0.01**2, 0.03**2
C3 = C2 / 2
EDGE_SIGMA_PX = 1.4
EDGE_LOW, EDGE_HIGH = 0.04, 0.10  # of the gradient of luma, per px
EDGE_TOLERANCE_PX = 2
MAX_PSNR_DB = 99.0  # two images that are the same, to the bit


@dataclass(frozen=True)
class Similarity:
    """SSIM and its structure term alone, means over positions: 1 is the same, 0 nothing alike."""

    ssim: float
    structure: float


def luma(image: Image) -> Plane:
    """Grey values of an image: H x W x 3 -> float64, H x W, 0..1."""
    return np.asarray(image, np.float64) @ LUMA


def check_shapes(first: NDArray[Any], second: NDArray[Any]) -> None:
    """Raise `BadEvaluation` unless both images have one shape."""
    if first.shape != second.shape:
        actual, needed = ("×".join(map(str, image.shape)) for image in (second, first))
        raise BadEvaluation("comparing images", f"shape {actual}", needed)


def similarity(first: Image, second: Image) -> Similarity:
    """SSIM of Wang et al. 2004 on luma, with an 11 px Gaussian window, and its structure term.

    Sample covariances as in the paper's equations 14 to 16. Raises `BadEvaluation` for unequal shapes.
    """
    check_shapes(first, second)
    x, y = luma(first), luma(second)
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x = np.maximum(_windowed(x * x) - mean_x**2, 0)
    var_y = np.maximum(_windowed(y * y) - mean_y**2, 0)
    covariance = _windowed(x * y) - mean_x * mean_y
    brightness = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    texture = (2 * covariance + C2) / (var_x + var_y + C2)
    structure = (covariance + C3) / (np.sqrt(var_x * var_y) + C3)
    return Similarity(float((brightness * texture).mean()), float(structure.mean()))


def _windowed(plane: Plane) -> Plane:
    truncate = SSIM_RADIUS_PX / SSIM_SIGMA_PX
    return np.asarray(ndimage.gaussian_filter(plane, SSIM_SIGMA_PX, truncate=truncate, mode="reflect"))


def edges(image: Image) -> Mask:
    """Edges of luma after Canny 1986: thinned ridges of the gradient, weak ones where they meet strong ones.

    H x W x 3, 0..1 -> bool, H x W.
    """
    plane = luma(image)
    across, down = (
        ndimage.gaussian_filter(plane, EDGE_SIGMA_PX, order=order, mode="nearest")
        for order in ((0, 1), (1, 0))
    )
    size = np.hypot(across, down)
    ridge = _thinned(size, across, down)
    weak, strong = ridge & (size >= EDGE_LOW), ridge & (size >= EDGE_HIGH)
    labels, _ = ndimage.label(weak, structure=np.ones((3, 3)))
    return np.isin(labels, np.unique(labels[strong])) & weak


def _thinned(size: Plane, across: Plane, down: Plane) -> Mask:
    """Where the gradient is no smaller than at one px before and after along its own direction."""
    rows, columns = np.indices(size.shape, dtype=np.float64)
    unit = np.maximum(size, 1e-12)
    steps = down / unit, across / unit
    ridge = size > 0
    for sign in (1, -1):
        places = [rows + sign * steps[0], columns + sign * steps[1]]
        ridge &= size >= ndimage.map_coordinates(size, places, order=1, mode="nearest")
    return np.asarray(ridge)


def edge_f1(photo: Image, output: Image) -> float:
    """F1 of the output's edges against the photograph's, matched within `EDGE_TOLERANCE_PX`: 0..1.

    Precision and recall as Martin et al. 2004 define them for boundaries. 1 where neither has an edge.
    Raises `BadEvaluation` for unequal shapes.
    """
    check_shapes(photo, output)
    expected, actual = edges(photo), edges(output)
    if not expected.any() or not actual.any():
        return float(expected.any() == actual.any())
    precision = float(_near(expected)[actual].mean())
    recall = float(_near(actual)[expected].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _near(mask: Mask) -> Mask:
    return np.asarray(ndimage.distance_transform_edt(~mask) <= EDGE_TOLERANCE_PX)


def psnr_db(first: Image, second: Image) -> float:
    """Peak signal to noise over all channels in dB, for a peak of 1; at most `MAX_PSNR_DB`.

    Raises `BadEvaluation` for unequal shapes.
    """
    check_shapes(first, second)
    error = float(np.square(first.astype(np.float64) - second).mean())
    return MAX_PSNR_DB if error == 0 else min(MAX_PSNR_DB, -10 * math.log10(error))
