"""Brings a finished picture to an asked size: Lanczos, proportions kept, transparency respected."""

import math

import pyvips

Size = tuple[int, int]  # width, height in px


def target_size(*, width: int, height: int, wanted: int | Size | None) -> Size:
    """The output's size in px: as it is, with its long side `wanted`, or exactly `wanted`."""
    if wanted is None:
        return width, height
    if isinstance(wanted, int):
        scale = wanted / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))
    return wanted


def resize(image: pyvips.Image, size: Size) -> pyvips.Image:
    """`image` at exactly `size`: scaled to cover it, what stands over cut off evenly on both sides."""
    if (image.width, image.height) == size:
        return image
    scale = max(size[0] / image.width, size[1] / image.height)
    cover = (_covering(image.width * scale, size[0]), _covering(image.height * scale, size[1]))
    scaled = _scaled(image, cover)
    return scaled.extract_area((cover[0] - size[0]) // 2, (cover[1] - size[1]) // 2, *size)


def _covering(length: float, needed: int) -> int:
    return max(needed, math.floor(length + 0.5))


def _scaled(image: pyvips.Image, size: Size) -> pyvips.Image:
    factors = {"vscale": size[1] / image.height, "kernel": "lanczos3"}
    if image.bands < 4:
        return image.resize(size[0] / image.width, **factors)
    # Colours under transparent pixels must not bleed into visible ones.
    full = 255 if image.format == "uchar" else 65535
    joined = image.premultiply(max_alpha=full).resize(size[0] / image.width, **factors)
    samples = joined.unpremultiply(max_alpha=full).rint().cast(image.format)
    return samples.copy(interpretation=image.interpretation)
