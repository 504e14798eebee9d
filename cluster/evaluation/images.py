"""Reading photographs and paintings at the size of an evaluation, and keeping what was painted."""

from pathlib import Path

import numpy as np
import pyvips
from PIL import Image as Pillow

from giornata.atomic_file import atomic_write
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.metrics import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
MIN_SIDE_PX = 64  # below it the judging networks have no position left
LONG_SIDES_PX = 1 << 20  # no limit of its own: the short side is what is asked for


def read_image(path: Path, short_side_px: int, *, square: bool = False) -> Image:
    """An image reduced to `short_side_px`, upright, sRGB, on white: float32, H x W x 3, 0..1.

    With `square` its middle, as wide as high. Images that are smaller stay as they are. Raises
    `BadEvaluation` for what cannot be read, or is less than `MIN_SIDE_PX` on a side.
    """
    try:
        source = pyvips.Image.new_from_file(str(path), access="sequential")
        share = min(1.0, short_side_px / min(source.width, source.height))
        longest = max(source.width, source.height) * share
        image = pyvips.Image.thumbnail(str(path), round(longest), size="down", output_profile="srgb")
        image = image.flatten(background=[255, 255, 255]) if image.hasalpha() else image
        image = image.colourspace("srgb").cast("uchar")
        pixels = np.ndarray((image.height, image.width, image.bands), np.uint8, image.write_to_memory())
    except pyvips.Error as exc:
        reason = " ".join(str(exc).split())
        raise BadEvaluation(f"reading {path}", reason, "an image that can be decoded") from exc
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        size = f"{pixels.shape[1]}×{pixels.shape[0]} px"
        raise BadEvaluation(f"reading {path}", size, f"{MIN_SIDE_PX} px or more on a side")
    return _middle(pixels, square).astype(np.float32) / np.float32(255)


def _middle(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], square: bool
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    side = min(pixels.shape[:2])
    if not square:
        return pixels
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def images_in(places: list[Path]) -> tuple[Path, ...]:
    """Image files given by name, and those below folders, sorted by name; each stem once.

    Raises `BadEvaluation` for a place that is not there.
    """
    paths: dict[str, Path] = {}
    for place in places:
        if not place.exists():
            raise BadEvaluation("collecting images", f"{place}, which is not there", "a file or a folder")
        files = place.rglob("*") if place.is_dir() else (place,)
        for path in sorted(files):
            if path.suffix.lower() in SUFFIXES:
                paths.setdefault(path.stem, path)
    return tuple(paths[stem] for stem in sorted(paths))


def to_bytes(image: Image) -> Pillow.Image:
    """float32, H x W x 3, 0..1 -> an 8-bit image."""
    return Pillow.fromarray((np.clip(image, 0, 1) * 255).round().astype(np.uint8))


def write_image(image: Image, path: Path) -> None:
    """Write an image as PNG, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        to_bytes(image).save(part, format="PNG")
