"""Photographs to measure on: scikit-image's own, sized and cropped so that no two are alike."""

from pathlib import Path

import numpy as np
import pyvips
import skimage.data
from numpy.typing import NDArray

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "retina")


def photograph(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A photograph filling `width` x `height` px: uint8, H x W x 3; the crop moves with `number`."""
    samples = getattr(skimage.data, NAMES[number % len(NAMES)])()
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(samples[:, :, :3]))
    scale = max(width / picture.width, height / picture.height) * (1 + 0.05 * (number // len(NAMES)))
    large = picture.resize(scale, kernel="lanczos3")
    left, top = (large.width - width) // 2, (large.height - height) // 2
    made: NDArray[np.uint8] = large.crop(left, top, width, height).numpy()
    return made


def write_photographs(folder: Path, count: int, side_px: int) -> list[Path]:
    """`count` JPEG files of side_px x side_px."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"photo-{number:03d}.jpg"
        pyvips.Image.new_from_array(photograph(number, side_px, side_px)).jpegsave(str(path), Q=92)
        paths.append(path)
    return paths
