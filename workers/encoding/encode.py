"""Encodes a finished canvas in the source's own colours or sRGB: resized, streamed, tagged and checked."""

import math
import shutil
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyvips
from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import (
    FOLDER_FORMATS,
    Container,
    OutputDepth,
    OutputProfile,
    PictureFormat,
    PreserveColour,
    TiffCompression,
)
from giornata.jobs.storage.hashing import deliverable_bytes, deliverable_sha256
from giornata.jobs.storage.hashing import file_sha256 as file_sha256
from giornata.workers.color.from_working import ColourPlan, ColourWish, from_working, plan_colour, veil_sample
from giornata.workers.encoding.pyramid import write_tiles
from giornata.workers.encoding.savers import SaveOptions, check, save, tiff_compression
from giornata.workers.errors import EncodeFailed
from giornata.workers.formats.capabilities import HOLDS, Sample, Space, fits, limit_words, same_format
from giornata.workers.formats.exif import read_tags
from giornata.workers.formats.icc import profile_name
from giornata.workers.formats.tiff_tags import add_tags
from giornata.workers.metadata.blocks import NO_BLOCKS, Blocks, fitting, tagged
from giornata.workers.source import Format, SourceFacts
from giornata.workers.tiling.arrays import releasing_pages

Size = tuple[int, int]  # width, height in px


def target_size(*, width: int, height: int, requested: int | Size | None) -> Size:
    """The output's size in px: as it is, with its long side `requested`, or exactly `requested`."""
    if requested is None:
        return width, height
    if isinstance(requested, int):
        scale = requested / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))
    return requested


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


Samples = npt.NDArray[Any]
INTERPRETATIONS = {("uint8", 3): "srgb", ("uint16", 3): "rgb16"}
MEGA = 1_000_000


class EncodeOptions(BaseModel):
    """Settings of an output. `size` is the long side in px, or width and height to fill.

    `name` is the name of files inside a folder of tiles; `address` is where an IIIF folder will be
    served. `pyramid` None means above 50 megapixels. `crop` is the part that is written: left, top,
    width and height in px of the canvas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: PictureFormat = PictureFormat.SAME
    quality: int = Field(92, ge=1, le=100)
    size: int | Size | None = None
    profile: OutputProfile = OutputProfile.SOURCE
    depth: OutputDepth = OutputDepth.SOURCE
    preserve_colour: PreserveColour = PreserveColour.NONE
    compression: TiffCompression = TiffCompression.DEFLATE
    pyramid: bool | None = None
    container: Container = Container.FOLDER
    crop: tuple[int, int, int, int] | None = None
    bigtiff: bool | None = None
    name: str = "picture"
    address: str | None = None

    @classmethod
    def of(cls, task: RenderTask) -> "EncodeOptions":
        """The settings of `task`."""
        same = ("format", "quality", "size", "profile", "depth", "preserve_colour", "compression", "pyramid")
        chosen = {name: getattr(task, name) for name in (*same, "container", "bigtiff")}
        target = Path(task.target)
        name = target.stem if target.suffix == ".zip" else target.name
        return cls(**chosen, address=task.iiif_id, name=name)

    def resolved(self, source: Format) -> Self:
        """These options with `same` replaced by a real format."""
        if self.format is not PictureFormat.SAME:
            return self
        return self.model_copy(update={"format": same_format(source)})


class Encoded(BaseModel):
    """A deliverable that was written, read back and found whole. `path` is a folder for tiles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    bytes: int
    sha256: str  # of a folder: see `digest.tree_sha256`
    width: int
    height: int
    format: PictureFormat
    profile: str | None  # the embedded profile's own name
    space: Space = Space.RGB
    sample: Sample = Sample.UINT8
    warnings: tuple[str, ...] = ()


def encode(
    canvas: Samples,
    *,
    alpha: Samples | None,
    facts: SourceFacts,
    target: Path,
    options: EncodeOptions,
    profile_path: Path | None = None,
    blocks: Blocks = NO_BLOCKS,
) -> Encoded:
    """Writes `canvas` to `target`, an attempt's own name, and makes it durable.

    `canvas`: uint8 or uint16, H x W x 3, working sRGB, memory map or array; `alpha`: uint8 or uint16, H x W,
    or None. `profile_path`: the source's own profile. What the format cannot hold is converted, and a warning
    says what was lost. The output is upright and keeps the source's resolution.

    Raises `EncodeFailed`; then nothing is left.
    """
    options = options.resolved(facts.format)
    width, height = options.crop[2:] if options.crop else (canvas.shape[1], canvas.shape[0])
    size = target_size(width=width, height=height, requested=options.size)
    _refuse_size(size, options.format, target)
    wish = ColourWish(options.format, options.profile, options.depth, options.preserve_colour)
    plan = plan_colour(facts, wish, profile_path=profile_path)
    output_alpha, alpha_warnings = _kept_alpha(alpha, plan, options.format)
    blocks, block_warnings = fitting(blocks, options.format)
    try:
        profile = None if plan.embed is None else pyvips.Operation.call("profile_load", plan.embed)
        image = _outgoing(canvas, output_alpha, size, plan, options.crop)
        image = tagged(image, options.format, blocks=blocks, profile=profile, dpi=facts.dpi)
        warnings = (*plan.warnings, *alpha_warnings, *block_warnings, *_compression_warning(image, options))
        with releasing_pages(canvas, output_alpha):
            _write(image, target, facts, options, blocks)
        return Encoded(
            path=target,
            bytes=deliverable_bytes(target),
            sha256=deliverable_sha256(target),
            width=image.width,
            height=image.height,
            format=options.format,
            profile=profile_name(profile) if profile else None,
            space=plan.space,
            sample=plan.sample,
            warnings=warnings,
        )
    except (pyvips.Error, OSError) as error:
        _remove(target)
        raise EncodeFailed(str(target), " ".join(str(error).split())) from error
    except BaseException:
        _remove(target)
        raise


def _refuse_size(size: Size, format: PictureFormat, target: Path) -> None:
    if not fits(format, *size):
        roomy = ", ".join(other for other in HOLDS if fits(other, *size))
        dimensions = f"{size[0]}x{size[1]} px"
        reason = f"got {dimensions}, {format} holds {limit_words(format)}; needed a smaller size or {roomy}"
        raise EncodeFailed(str(target), reason)


def _kept_alpha(
    alpha: Samples | None, plan: ColourPlan, format: PictureFormat
) -> tuple[Samples | None, tuple[str, ...]]:
    if alpha is None:
        return None, ()
    if not HOLDS[format].alpha:
        return None, (f"{format} holds no transparency: it was left out",)
    if plan.space is Space.LAB and plan.sample is Sample.FLOAT32:
        return None, ("Lab in floats is written without transparency: it was left out",)
    return alpha, ()


def _outgoing(
    canvas: Samples,
    alpha: Samples | None,
    size: Size,
    plan: ColourPlan,
    crop: tuple[int, int, int, int] | None,
) -> pyvips.Image:
    """The picture at its size, in its colours, with its alpha; nothing is computed yet."""
    # The operation cache would keep whole canvases alive after their picture is done.
    pyvips.cache_set_max(0)
    colour = _wrapped(canvas, bands=3)
    if alpha is None:
        return from_working(resize(colour.crop(*crop) if crop else colour, size), plan)
    full = np.iinfo(alpha.dtype).max
    veil = _wrapped(alpha, bands=1)
    if alpha.dtype != canvas.dtype:
        veil = (veil * (np.iinfo(canvas.dtype).max / full)).rint().cast(colour.format)
    joined = colour.bandjoin(veil)
    joined = resize(joined.crop(*crop) if crop else joined, size)
    return from_working(joined.extract_band(0, n=3), plan).bandjoin(veil_sample(joined[3], plan))


def _wrapped(samples: Samples, *, bands: int) -> pyvips.Image:
    """The samples as a libvips picture; the arrays' memory is read in place, not copied."""
    kind = "uchar" if samples.dtype == np.uint8 else "ushort"
    size = (samples.shape[1], samples.shape[0], bands)
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(samples).data, *size, kind)
    return image.copy(interpretation=INTERPRETATIONS.get((samples.dtype.name, bands), "multiband"))


def _write(
    image: pyvips.Image, target: Path, facts: SourceFacts, options: EncodeOptions, blocks: Blocks
) -> None:
    if options.format in FOLDER_FORMATS:
        write_tiles(
            image,
            target,
            format=options.format,
            name=options.name,
            quality=options.quality,
            container=options.container,
            address=options.address,
        )
        return
    how = SaveOptions(
        options.quality, options.compression, options.pyramid, facts.premultiplied, options.bigtiff
    )
    save(image, target, options.format, how)
    if options.format is PictureFormat.TIFF:
        add_tags(target, read_tags(blocks.exif or b""), iptc=blocks.iptc)
    check(image, target, options.format)


def _compression_warning(image: pyvips.Image, options: EncodeOptions) -> tuple[str, ...]:
    compression = options.compression
    if options.format is not PictureFormat.TIFF or tiff_compression(image, compression) is compression:
        return ()
    return ("JPEG inside TIFF holds 8 bits and no transparency: compressed with deflate",)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
