"""Writes a finished canvas as JPEG, PNG, WebP or TIFF: streamed, tagged, checked, or not there at all."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyvips
from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.choices import PictureFormat
from giornata.workers.errors import EncodeFailed
from giornata.workers.resize import Size, resize, target_size
from giornata.workers.source import Format, SourceFacts

Samples = npt.NDArray[Any]

# libjpeg's own limit, and the WebP container's.
SIDE_LIMIT_PX = {PictureFormat.JPEG: 65_500, PictureFormat.WEBP: 16_383}
# Above this an optimised JPEG holds all coefficients: 4.6 GB were measured at 400 megapixels.
OPTIMIZED_JPEG_PIXELS = 100_000_000
TILED_TIFF_PIXELS = 50_000_000  # beyond this a viewer wants tiles and not strips
TIFF_TILE_PX = 512
BIG_TIFF_BYTES = 2_000_000_000  # half of what classic TIFF can address; compressed data may grow
FULL_CHROMA_QUALITY = 90  # brush strokes are colour edges: at high quality keep chroma unreduced
MM_PER_INCH = 25.4
UNKNOWN_DPI = (72.0, 72.0)  # libvips writes something always, and its own 25.4 confuses print programs
HASH_BLOCK_BYTES = 1 << 20
PROFILE_NAME = "sRGB"


# What `same` means for sources whose own format is not written.
FALLBACK = {Format.GIF: PictureFormat.PNG, Format.AVIF: PictureFormat.PNG}
EIGHT_BIT_ONLY = (PictureFormat.JPEG, PictureFormat.WEBP)


class EncodeOptions(BaseModel):
    """What the output should be. `size` is the long side in px, or width and height to fill."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: PictureFormat = PictureFormat.SAME
    quality: int = Field(92, ge=1, le=100)
    size: int | Size | None = None

    def resolved(self, source: Format) -> Self:
        """These options with `same` replaced by a real format."""
        if self.format is not PictureFormat.SAME:
            return self
        return self.model_copy(update={"format": FALLBACK.get(source) or PictureFormat(source.value)})


class Encoded(BaseModel):
    """A file that was written, read back and found whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    bytes: int
    sha256: str
    width: int
    height: int
    format: PictureFormat
    profile: str
    warnings: tuple[str, ...] = ()


def encode(
    canvas: Samples, *, alpha: Samples | None, facts: SourceFacts, target: Path, options: EncodeOptions
) -> Encoded:
    """Writes `canvas` to `target`, an attempt's own name, and makes it durable.

    `canvas`: uint8 or uint16, H x W x 3, sRGB, memory map or array; `alpha`: same type, H x W, or None.
    16 bits stay 16 in PNG and TIFF. The output is upright, tagged sRGB, and keeps the source's DPI.

    Raises `EncodeFailed`; then no file is left.
    """
    options = options.resolved(facts.format)
    size = target_size(width=canvas.shape[1], height=canvas.shape[0], wanted=options.size)
    _refuse_sides(size, options.format, target)
    image = resize(_picture(canvas, alpha if options.format is not PictureFormat.JPEG else None), size)
    image = _tagged(_in_depth(image, options.format), facts)
    try:
        _save(image, target, options)
        _check(image, target, options.format)
        return Encoded(
            path=target,
            bytes=target.stat().st_size,
            sha256=file_sha256(target),
            width=image.width,
            height=image.height,
            format=options.format,
            profile=PROFILE_NAME,
            warnings=_warnings(canvas, alpha, options),
        )
    except (pyvips.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise EncodeFailed(str(target), " ".join(str(error).split())) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _refuse_sides(size: Size, format: PictureFormat, target: Path) -> None:
    limit, longest = SIDE_LIMIT_PX.get(format), max(size)
    if limit is not None and longest > limit:
        roomy = ", ".join(other for other in SAVE_OPTIONS if SIDE_LIMIT_PX.get(other, longest) >= longest)
        reason = (
            f"got {size[0]}x{size[1]} px, {format} holds {limit} px a side; needed a smaller size or {roomy}"
        )
        raise EncodeFailed(str(target), reason)


def _picture(canvas: Samples, alpha: Samples | None) -> pyvips.Image:
    """The canvas as a libvips picture; the arrays' memory is read in place, not copied."""
    # The operation cache would keep whole canvases alive after their picture is done.
    pyvips.cache_set_max(0)
    image = _wrapped(canvas, bands=3)
    return image if alpha is None else image.bandjoin(_wrapped(alpha, bands=1))


def _wrapped(samples: Samples, *, bands: int) -> pyvips.Image:
    eight = samples.dtype == np.uint8
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(samples).data,
        samples.shape[1],
        samples.shape[0],
        bands,
        "uchar" if eight else "ushort",
    )
    if bands == 1:
        return image
    return image.copy(interpretation="srgb" if eight else "rgb16")


def _in_depth(image: pyvips.Image, format: PictureFormat) -> pyvips.Image:
    if image.format == "uchar" or format not in EIGHT_BIT_ONLY:
        return image
    # 65535 / 255 = 257. Adding a half before the cast rounds; a shift would darken by half a step.
    return image.linear(1 / 257, 0.5).cast("uchar").copy(interpretation="srgb")


def _tagged(image: pyvips.Image, facts: SourceFacts) -> pyvips.Image:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", srgb_profile())
    dpi = facts.dpi or UNKNOWN_DPI
    return image.copy(xres=dpi[0] / MM_PER_INCH, yres=dpi[1] / MM_PER_INCH)


def srgb_profile() -> bytes:
    """The bytes of libvips' built-in sRGB profile."""
    profile: bytes = pyvips.Operation.call("profile_load", "srgb")
    return profile


def _save(image: pyvips.Image, target: Path, options: EncodeOptions) -> None:
    # Through a descriptor: names that are not UTF-8 work, and the same file can be synced.
    with target.open("w+b") as file:
        sink = pyvips.Target.new_to_descriptor(file.fileno())
        how = SAVE_OPTIONS[options.format](image, options.quality)
        getattr(image, f"{options.format}save_target")(sink, **how)
        os.fsync(file.fileno())


def _jpeg_options(image: pyvips.Image, quality: int) -> dict[str, Any]:
    return {
        "Q": quality,
        "interlace": False,
        "optimize_coding": image.width * image.height <= OPTIMIZED_JPEG_PIXELS,
        "subsample_mode": "off" if quality >= FULL_CHROMA_QUALITY else "on",
    }


def _png_options(image: pyvips.Image, quality: int) -> dict[str, Any]:
    return {"compression": 6, "filter": "sub", "interlace": False}


def _webp_options(image: pyvips.Image, quality: int) -> dict[str, Any]:
    return {"Q": quality, "smart_subsample": True}


def _tiff_options(image: pyvips.Image, quality: int) -> dict[str, Any]:
    pixels = image.width * image.height
    sample_bytes = 1 if image.format == "uchar" else 2
    tiles = {"tile": True, "tile_width": TIFF_TILE_PX, "tile_height": TIFF_TILE_PX}
    return {
        "compression": "deflate",
        "predictor": "horizontal",
        "bigtiff": pixels * image.bands * sample_bytes > BIG_TIFF_BYTES,
        "resunit": "inch",
        **(tiles if pixels > TILED_TIFF_PIXELS else {}),
    }


SAVE_OPTIONS: dict[PictureFormat, Callable[[pyvips.Image, int], dict[str, Any]]] = {
    PictureFormat.JPEG: _jpeg_options,
    PictureFormat.PNG: _png_options,
    PictureFormat.WEBP: _webp_options,
    PictureFormat.TIFF: _tiff_options,
}


def _check(image: pyvips.Image, target: Path, format: PictureFormat) -> None:
    """Reads the header back; a disk that filled up unnoticed ends here."""
    with target.open("rb") as file:
        source = pyvips.Source.new_from_descriptor(file.fileno())
        written = pyvips.Operation.call(f"{format}load_source", source)
    # WebP leaves out an alpha that is opaque everywhere, so bands may differ.
    got, needed = _shape(written), _shape(image)
    if got != needed:
        raise OSError(f"read back as {got}, needed {needed}")


def _shape(image: pyvips.Image) -> str:
    return f"{image.width}x{image.height} px of {image.format}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _warnings(canvas: Samples, alpha: Samples | None, options: EncodeOptions) -> tuple[str, ...]:
    warnings = []
    if alpha is not None and options.format is PictureFormat.JPEG:
        warnings.append("JPEG holds no transparency: it was left out")
    if canvas.dtype != np.uint8 and options.format in EIGHT_BIT_ONLY:
        warnings.append(f"{options.format} holds 8 bits a sample: 16 were rounded to 8")
    return tuple(warnings)
