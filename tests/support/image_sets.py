"""Two sets of small pictures as people have them: photographs of a campaign, scans of an archive."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.workers.pictures import (
    Samples,
    built_in_profile,
    image,
    photo,
    with_orientation,
    with_profile,
)

WIDTH, HEIGHT = 72, 56


def photographs(count: int) -> dict[str, bytes]:
    """JPEGs, no two alike, by their names."""
    return {f"asset{number:02}.jpg": _saved(_piece(number), "jpeg") for number in range(count)}


def scans(count: int) -> dict[str, bytes]:
    """TIFF, PNG and JPEG of all depths and colours that archives have, by their names."""
    kinds = list(SCANS.items())
    made = {}
    for number in range(count):
        name, make = kinds[number % len(kinds)]
        stem, _, suffix = name.partition(".")
        made[f"{stem}{number:02}.{suffix}"] = make(_piece(number))
    return made


def _piece(number: int) -> Samples:
    """A piece of a photograph that no other number has."""
    left, top = 7 * number, 5 * number
    return np.ascontiguousarray(photo(width=260, height=200)[top : top + HEIGHT, left : left + WIDTH])


def _saved(samples: Samples, kind: str, **how: object) -> bytes:
    data: bytes = getattr(image(samples), f"{kind}save_buffer")(**how)
    return data


def _deep(samples: Samples) -> Samples:
    return samples.astype(np.uint16) * 257


def _grey(samples: Samples) -> Samples:
    grey: Samples = samples.mean(axis=2).astype(np.uint8)
    return grey


def _wide(samples: Samples) -> bytes:
    picture = with_profile(image(_deep(samples)), built_in_profile("p3"))
    data: bytes = picture.tiffsave_buffer(compression="deflate")
    return data


def _inks(samples: Samples) -> bytes:
    picture = image(samples).icc_transform("cmyk", input_profile="srgb")
    data: bytes = picture.tiffsave_buffer(compression="lzw")
    return data


def _turned(samples: Samples) -> bytes:
    data: bytes = with_orientation(image(samples), 6).jpegsave_buffer(Q=90)
    return data


def _palette(samples: Samples) -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples).quantize(32).save(file, "PNG")
    return file.getvalue()


def _transparent(samples: Samples) -> bytes:
    alpha = np.linspace(0, 255, WIDTH, dtype=np.uint8)[None].repeat(HEIGHT, 0)
    return _saved(np.dstack([samples, alpha]), "png")


# The first few are as unlike each other as they can be.
SCANS: dict[str, Callable[[Samples], bytes]] = {
    "sixteen.tif": _wide,
    "inks.tif": _inks,
    "palette.png": _palette,
    "turned.jpg": _turned,
    "grey.tif": lambda samples: _saved(_grey(samples), "tiff"),
    "deepgrey.tif": lambda samples: _saved(_deep(_grey(samples)), "tiff", compression="deflate"),
    "tiled.tif": lambda samples: _saved(samples, "tiff", tile=True, tile_width=16, tile_height=16),
    "alpha.png": _transparent,
    "deep.png": lambda samples: _saved(_deep(samples), "png"),
    "greyphoto.jpg": lambda samples: _saved(_grey(samples), "jpeg"),
}
