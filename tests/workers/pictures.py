"""Small pictures of every kind that sources come in, good and bad, made when a test needs them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips
import skimage.data

Samples = npt.NDArray[Any]


def photo(*, width: int = 96, height: int = 64) -> Samples:
    """A piece of a real photograph: uint8, H x W x 3, sRGB."""
    return np.ascontiguousarray(skimage.data.astronaut()[60 : 60 + height, 160 : 160 + width])


def noise(*, width: int = 33, height: int = 21, bands: int = 3, bits: int = 8, seed: int = 0) -> Samples:
    """Seeded noise: uint8 or uint16, H x W x bands, or H x W for one band."""
    shape = (height, width) if bands == 1 else (height, width, bands)
    samples = np.random.default_rng(seed).integers(0, 2**bits, shape)
    return samples.astype(np.uint8 if bits == 8 else np.uint16)


INTERPRETATIONS = {
    ("uint8", 1): "b-w",
    ("uint8", 2): "b-w",
    ("uint16", 1): "grey16",
    ("uint16", 2): "grey16",
    ("uint8", 3): "srgb",
    ("uint8", 4): "srgb",
    ("uint16", 3): "rgb16",
    ("uint16", 4): "rgb16",
}


def image(samples: Samples, *, interpretation: str | None = None) -> pyvips.Image:
    """The samples as a libvips picture."""
    bands = 1 if samples.ndim == 2 else samples.shape[2]
    kind = "uchar" if samples.dtype == np.uint8 else "ushort"
    data = np.ascontiguousarray(samples).tobytes()
    made = pyvips.Image.new_from_memory(data, samples.shape[1], samples.shape[0], bands, kind)
    return made.copy(interpretation=interpretation or INTERPRETATIONS[(samples.dtype.name, bands)])


def with_profile(picture: pyvips.Image, profile: bytes) -> pyvips.Image:
    """The picture, tagged with the bytes of an ICC profile."""
    picture = picture.copy()
    picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return picture


def built_in_profile(name: str) -> bytes:
    """libvips' own profile: srgb, p3 or cmyk."""
    profile: bytes = pyvips.Operation.call("profile_load", name)
    return profile


def with_orientation(picture: pyvips.Image, orientation: int) -> pyvips.Image:
    """The picture, stored as it is, with an orientation tag."""
    picture = picture.copy()
    picture.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return picture


def upright(stored: Samples, orientation: int) -> Samples:
    """What a viewer shows for a picture stored with this EXIF orientation, by its definition."""
    turns = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }
    return turns[orientation](stored)


def encoded(format: str) -> bytes:
    """A good file of the given format: jpeg, png, webp, tiff, gif or avif."""
    picture = image(photo(width=160, height=120))
    saver, options = {
        "jpeg": ("jpegsave_buffer", {"Q": 90}),
        "png": ("pngsave_buffer", {}),
        "webp": ("webpsave_buffer", {"Q": 90}),
        "tiff": ("tiffsave_buffer", {"compression": "deflate"}),
        "gif": ("gifsave_buffer", {}),
        "avif": ("heifsave_buffer", {"compression": "av1", "effort": 0}),
    }[format]
    data: bytes = getattr(picture, saver)(**options)
    return data


def png_header(*, width: int, height: int, bit_depth: int = 1) -> bytes:
    """A PNG of a few bytes that claims to be this large."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def written(path: Path, data: bytes) -> Path:
    """`path`, holding `data`."""
    path.write_bytes(data)
    return path
