"""Good files with one byte changed, and what to look for in what is decoded from them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyvips

from tests.workers.pictures import Samples, image, photo

BLOCK_PX = 8
LARGE_SHARE = 0.1  # of the picture
NEARLY = 1.0  # of 255


@dataclass(frozen=True)
class Mutant:
    """`data` is the good file called `origin` with the byte at `at` changed."""

    origin: str
    at: int
    data: bytes


def subject() -> pyvips.Image:
    """A piece of a photograph with grain, so that nothing in it is flat: sRGB, 160 x 120."""
    grain = np.random.default_rng(0).normal(0, 6, (120, 160, 3))
    return image((photo(width=160, height=120) + grain).clip(0, 255).astype(np.uint8))


def origins() -> dict[str, bytes]:
    """The same photograph in the four formats, in the ways in which they are usually written."""
    picture = subject()
    return {
        "jpeg": picture.jpegsave_buffer(Q=85, keep="none"),
        "jpeg progressive": picture.jpegsave_buffer(Q=85, interlace=True, keep="none"),
        "jpeg with restarts": picture.jpegsave_buffer(Q=85, restart_interval=10, keep="none"),
        "png": picture.pngsave_buffer(),
        "png interlaced": picture.pngsave_buffer(interlace=True),
        "tiff": picture.tiffsave_buffer(),
        "tiff deflate": picture.tiffsave_buffer(compression="deflate", predictor="horizontal"),
        "tiff lzw tiled": picture.tiffsave_buffer(
            compression="lzw", tile=True, tile_width=64, tile_height=64
        ),
        "tiff jpeg": picture.tiffsave_buffer(compression="jpeg", Q=85),
        "webp": picture.webpsave_buffer(Q=85),
        "webp lossless": picture.webpsave_buffer(lossless=True),
    }


def mutants(number: int, *, seed: int) -> Iterator[Mutant]:
    """`number` of them, spread evenly over the origins: places and bytes by chance."""
    chance, files = random.Random(seed), origins()
    for index in range(number):
        origin = list(files)[index % len(files)]
        data = bytearray(files[origin])
        at = chance.randrange(len(data))
        data[at] ^= chance.randrange(1, 256)
        yield Mutant(origin, at, bytes(data))


def flat_share(pixels: Samples) -> float:
    """How much of a picture lies in blocks of one colour: 0 to 1."""
    scale = 255 / np.iinfo(pixels.dtype).max
    height, width = (side // BLOCK_PX * BLOCK_PX for side in pixels.shape[:2])
    if not height or not width:
        return 0.0
    blocks = pixels[:height, :width].reshape(height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX, 3)
    spread = blocks.max(axis=(1, 3)).astype(int) - blocks.min(axis=(1, 3))
    return float((spread.max(axis=2) * scale <= NEARLY).mean())


def differing_share(pixels: Samples, original: Samples) -> float:
    """How many pixels differ visibly from the original, which has the same shape: 0 to 1."""
    apart = np.abs(pixels.astype(int) - original).max(axis=2)
    return float((apart > 8).mean())
