"""Writes one picture as one JPEG, PNG, WebP, AVIF or TIFF file: options by format, streamed, durable."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from giornata.jobs.spec.enums import PictureFormat, TiffCompression

# An optimised JPEG holds all coefficients, 11.5 bytes a pixel: 4.6 GB were measured at 400 megapixels.
OPTIMIZED_JPEG_PIXELS = 25_000_000
TILED_TIFF_PIXELS = 50_000_000  # beyond this a viewer wants tiles and reduced copies, and not strips
TIFF_TILE_PX = 512
BIG_TIFF_BYTES = 2_000_000_000  # half of what classic TIFF can address; compressed data may grow
FULL_CHROMA_QUALITY = 90  # brush strokes are colour edges: at high quality keep chroma unreduced
AVIF_EFFORT = 3
LOADERS = {PictureFormat.AVIF: "heif"}
JPEG_BANDS = (1, 3, 4)


@dataclass(frozen=True)
class SaveOptions:
    """Settings of the encoders."""

    quality: int = 92
    compression: TiffCompression = TiffCompression.DEFLATE
    pyramid: bool | None = None  # None: above 50 megapixels
    premultiply: bool = False
    bigtiff: bool | None = None  # None: when a classic one might not hold it


def save(image: pyvips.Image, target: Path, format: PictureFormat, options: SaveOptions) -> None:
    """Streams `image` to `target` and the disk. Raises `pyvips.Error`, `OSError`; what it wrote stays."""
    # Through a descriptor: names that are not UTF-8 work, and the same file can be synced.
    with target.open("w+b") as file:
        sink = pyvips.Target.new_to_descriptor(file.fileno())
        how = SAVE_OPTIONS[format](image, options)
        getattr(image, f"{LOADERS.get(format, format)}save_target")(sink, **how)
        os.fsync(file.fileno())


def check(image: pyvips.Image, target: Path, format: PictureFormat) -> None:
    """Reads the header back; a disk that filled up unnoticed ends here. Raises `OSError`."""
    with target.open("rb") as file:
        source = pyvips.Source.new_from_descriptor(file.fileno())
        written = pyvips.Operation.call(f"{LOADERS.get(format, format)}load_source", source)
    # WebP leaves out an alpha that is opaque everywhere, so bands may differ.
    shape, expected = _shape(written), _shape(image)
    if shape != expected:
        raise OSError(f"read back as {shape}, needed {expected}")


def _shape(image: pyvips.Image) -> str:
    return f"{image.width}x{image.height} px of {image.format}"


def _subsampling(quality: int) -> str:
    return "off" if quality >= FULL_CHROMA_QUALITY else "on"


def jpeg_options(image: pyvips.Image, options: SaveOptions) -> dict[str, Any]:
    """Options of a baseline JPEG: a progressive one needs the whole picture in memory, also in readers."""
    return {
        "Q": options.quality,
        "interlace": False,
        "optimize_coding": image.width * image.height <= OPTIMIZED_JPEG_PIXELS,
        "subsample_mode": _subsampling(options.quality),
    }


def _png_options(image: pyvips.Image, options: SaveOptions) -> dict[str, Any]:
    return {"compression": 6, "filter": "sub", "interlace": False}


def _webp_options(image: pyvips.Image, options: SaveOptions) -> dict[str, Any]:
    return {"Q": options.quality, "smart_subsample": True}


def _avif_options(image: pyvips.Image, options: SaveOptions) -> dict[str, Any]:
    return {
        "compression": "av1",
        "Q": options.quality,
        "bitdepth": 8 if image.format == "uchar" else 12,
        "effort": AVIF_EFFORT,
        "subsample_mode": _subsampling(options.quality),
    }


def _tiff_options(image: pyvips.Image, options: SaveOptions) -> dict[str, Any]:
    pixels, sample_bytes = image.width * image.height, {"uchar": 1, "ushort": 2, "short": 2}
    large = pixels > TILED_TIFF_PIXELS
    pyramid = large if options.pyramid is None else options.pyramid
    # Readers take a tile that is far larger than its picture for an attack.
    side_px = min(TIFF_TILE_PX, 16 * -(-max(image.width, image.height) // 16))
    tiles = {"tile": True, "tile_width": side_px, "tile_height": side_px}
    size_bytes = pixels * image.bands * sample_bytes.get(image.format, 4)
    return {
        **_compression(image, options),
        "bigtiff": _is_big(size_bytes, pyramid) if options.bigtiff is None else options.bigtiff,
        "resunit": "inch",
        "premultiply": options.premultiply and image.hasalpha(),
        **(tiles if large or pyramid else {}),
        **({"pyramid": True, "subifd": True} if pyramid else {}),
    }


def _is_big(size_bytes: int, pyramid: bool) -> bool:
    # A third more for the reduced copies.
    return size_bytes * (4 / 3 if pyramid else 1) > BIG_TIFF_BYTES


def tiff_compression(image: pyvips.Image, requested: TiffCompression) -> TiffCompression:
    """`requested`, or deflate for what JPEG inside a TIFF cannot hold: deep samples, Lab, transparency."""
    holds = image.format == "uchar" and image.bands in JPEG_BANDS and not image.hasalpha()
    return TiffCompression.DEFLATE if requested is TiffCompression.JPEG and not holds else requested


def _compression(image: pyvips.Image, options: SaveOptions) -> dict[str, Any]:
    compression = tiff_compression(image, options.compression)
    if compression is TiffCompression.NONE:
        return {"compression": "none"}
    if compression is TiffCompression.JPEG:
        return {"compression": "jpeg", "Q": options.quality}
    predictor = "float" if image.format == "float" else "horizontal"
    return {"compression": compression.value, "predictor": predictor}


SAVE_OPTIONS: dict[PictureFormat, Callable[[pyvips.Image, SaveOptions], dict[str, Any]]] = {
    PictureFormat.JPEG: jpeg_options,
    PictureFormat.PNG: _png_options,
    PictureFormat.WEBP: _webp_options,
    PictureFormat.AVIF: _avif_options,
    PictureFormat.TIFF: _tiff_options,
}
