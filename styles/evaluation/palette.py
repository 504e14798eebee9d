"""The floor of every style measure: the photograph with the painting's colours and nothing else."""

import numpy as np

from giornata.styles.evaluation.metrics import Image

LEAST_DEVIATION = 1e-4  # below this a channel is constant and only its mean is moved


def palette_only(photo: Image, painting: Image) -> Image:
    """The photograph with the painting's mean and deviation in each of R, G and B.

    The statistics of Reinhard et al. 2001, on sRGB values instead of their opponent space, because that is
    what published tables of this kind call a palette change. `photo` float32, H x W x 3, 0..1; `painting`
    likewise, of any size; returns the photograph's shape, clipped to 0..1.
    """
    mean, deviation = photo.mean((0, 1)), photo.std((0, 1))
    painted_mean, painted_deviation = painting.mean((0, 1)), painting.std((0, 1))
    scale = np.where(deviation > LEAST_DEVIATION, painted_deviation / np.maximum(deviation, 1e-12), 0)
    return np.clip((photo - mean) * scale + painted_mean, 0, 1).astype(np.float32)
