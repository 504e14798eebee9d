"""`RenderTask`: one output file to make, complete in itself, as it travels to a worker."""

import hashlib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.model.task_style import TaskOptimise, TaskUniversal
from giornata.jobs.spec.crop import CropStyling, TaskCrop
from giornata.jobs.spec.enums import (
    Container,
    DeviceChoice,
    EngineKind,
    MetadataPolicy,
    OutputDepth,
    OutputProfile,
    Pages,
    PictureFormat,
    Precision,
    PreserveColour,
    SourceTypeTerm,
    Statistics,
    TiffCompression,
)
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.spec.values import Brush, BrushUnit, TaskChecks, TaskMasks, TaskPalette, TaskRegion

# What does not change the pixels stays out of the content key.
_NOT_CONTENT = frozenset(
    {
        "item_id",
        "target",
        "style_label",
        "timeout_s",
        "device",
        "tile_px",
        "overlap_px",
        "limits",
        "sidecar",
        "source_version",
        "storage",
        "siblings",
    }
)
# What becomes of a styled picture once it is there: outputs that differ in nothing else share it.
_DELIVERY = frozenset(
    {
        "format",
        "quality",
        "size",
        "profile",
        "depth",
        "compression",
        "pyramid",
        "container",
        "metadata",
        "source_type",
        "max_bytes",
        "bigtiff",
        "iiif_id",
        "checks",
        "credentials",
    }
)
_MADE_FROM: dict[str, Any] = {
    "source_stamp": True,
    "mask_stamps": True,
    "engine_version": True,
    "optimise": {"stamps"},
    "universal": {"stamps"},
}
_HALF = 20  # hexadecimal digits


class RenderTask(BaseModel):
    """One picture in one style in one format.

    `source`, `target`, `reference` and masks are absolute paths, or objects `s3://…` of `storage`. `mix`
    maps style names to weights that sum to one. `strength` walks from the picture itself (0) to the style
    (1) inside the network; `blend` mixes pixels: blend · stylised + (1 - blend) · picture. `tile_px` is the
    core's side, None leaves it to the device. `size` is the long side in px or (width, height), None
    keeps the source's. `format` is never `same`; dzi and iiif deliver a folder, or a zip. `pyramid` of
    None means above 50 megapixels. `page` of the source, and `reference_page`, count full-size pages from
    0; None is the file as a whole. `float_range` maps float samples to 0..1. `iiif_id` is the
    address that tiles will be served at. `limits` overrides the
    worker's own. `source_stamp` tells one version of the source from the next, and is all that may be
    rendered (`source_version` finds it in a bucket that keeps versions); `mask_stamps` are those of
    `mask_names`, and `engine_version` tells those of the engine and its weights. `min_ssim` lowers the
    strength until the output is at least that similar to its source. `siblings` is how many outputs are made
    of the same styled picture, this one included. `optimise` goes with engine optimization, whose `mix` is
    empty; `universal` with engine universal, whose `mix` is empty where it has images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str
    source: str
    target: str
    style_label: str
    engine: EngineKind = EngineKind.FEEDFORWARD
    mix: dict[str, float]
    optimise: TaskOptimise | None = None
    universal: TaskUniversal | None = None
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    blend: Annotated[float, Field(ge=0, le=1)] = 1.0
    tile_px: int | None = None
    overlap_px: int = 64
    statistics: Statistics = Statistics.EXACT
    reference: str | None = None
    seed: int = 0
    precision: Precision = Precision.FP32
    device: DeviceChoice = DeviceChoice.AUTO
    format: PictureFormat
    quality: int = 92
    size: int | tuple[int, int] | None = None
    preserve_colour: PreserveColour = PreserveColour.NONE
    brush: Brush | None = None
    masks: TaskMasks = TaskMasks()
    regions: tuple[TaskRegion, ...] = ()
    profile: OutputProfile = OutputProfile.SOURCE
    depth: OutputDepth = OutputDepth.SOURCE
    compression: TiffCompression = TiffCompression.DEFLATE
    pyramid: bool | None = None
    container: Container = Container.FOLDER
    metadata: MetadataPolicy = MetadataPolicy.KEEP
    sidecar: bool = True
    credentials: bool = False
    source_type: SourceTypeTerm = SourceTypeTerm.COMPOSITE
    pages: Pages = Pages.REFUSE
    page: int | None = None
    reference_page: int | None = None
    float_range: tuple[float, float] | None = None
    limits: dict[str, int] = {}
    crop: TaskCrop | None = None
    palette: TaskPalette | None = None
    min_ssim: float | None = None
    max_bytes: int | None = None
    bigtiff: bool | None = None
    iiif_id: str | None = None
    checks: TaskChecks | None = None
    siblings: int = 1
    timeout_s: float = 3600
    source_stamp: str = ""
    mask_stamps: tuple[str, ...] = ()
    source_version: str = ""
    storage: Storage = HERE
    engine_version: str = ""

    @property
    def mask_names(self) -> tuple[str, ...]:
        """The masks it reads."""
        return (*self.masks.names, *(region.mask for region in self.regions))

    @property
    def styled_by(self) -> TaskOptimise | TaskUniversal | None:
        """The group that holds its style pictures, if it has any."""
        return self.optimise or self.universal

    @property
    def reads(self) -> tuple[str, ...]:
        """All files or objects it reads, the source first."""
        pictures = self.styled_by.pictures if self.styled_by else ()
        return (self.source, *((self.reference,) if self.reference else ()), *self.mask_names, *pictures)

    def stamp_of(self, name: str) -> str:
        """The version of something it reads that was listed; empty when that is not known."""
        if name == self.source:
            return self.source_stamp
        masks = dict(zip(self.mask_names, self.mask_stamps, strict=False))
        return masks.get(name) or (self.styled_by.stamp_of(name) if self.styled_by else "")

    def content_key(self) -> str:
        """40 hexadecimal digits that are the same for tasks that ask for the same pixels of the same file.

        The first half says what was asked for, the second what it is made from: the version of the source,
        of the engine and of its weights. What has its default is left out, so that a key stays the same when
        tasks learn to say more. With exact statistics tiles do not change the picture, so the tile
        is not part of it.
        """
        left_out = set(_NOT_CONTENT)
        if self.statistics is Statistics.THUMBNAIL:
            left_out -= {"tile_px", "overlap_px"}
        request = self.model_dump_json(
            exclude=dict.fromkeys(left_out, True) | _MADE_FROM, exclude_defaults=True
        )
        style_stamps = self.styled_by.stamps if self.styled_by else ()
        stamps = "+".join((self.source_stamp, *self.mask_stamps, *style_stamps))
        return _hash(request) + _hash(f"{stamps}\n{self.engine_version}")

    def master_key(self) -> str:
        """40 hexadecimal digits that are the same for outputs of one and the same styled picture.

        It outlives no session, so versions of source and engine are part of it, and tiles are not.
        """
        left_out = set(_NOT_CONTENT | _DELIVERY)
        if self.crop is not None and self.crop.styling is CropStyling.EACH:
            left_out -= {"size"}
        elif self.crop is not None:
            left_out.add("crop")
        if self.brush is not None and self.brush.unit is not BrushUnit.RELATIVE:
            left_out -= {"size", "crop"}  # such strokes have their size in the delivered picture
        needs = [need.model_dump_json() for need in self.crop.all_needs] if self.crop else []
        return _hash(self.model_dump_json(exclude=left_out, exclude_defaults=True)) + _hash("\n".join(needs))

    def outline(self) -> dict[str, str | int | float]:
        """The facts that a list of outputs shows: format, shape and strength."""
        shape = {"ratio": self.crop.label} if self.crop else {}
        return {"format": self.format.value, **shape, "strength": self.strength}


def is_outdated(key: str, *, by: str) -> bool:
    """Whether a delivery with this content key was made by the same settings from something older."""
    return key != by and key[:_HALF] == by[:_HALF]


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_HALF // 2).hexdigest()
