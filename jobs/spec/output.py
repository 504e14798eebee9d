"""The part of a spec that says what becomes of pixels: colour, brush, masks, formats, metadata, limits."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from giornata.jobs.spec.base import Share, SpecModel, Weight
from giornata.jobs.spec.enums import (
    FOLDER_FORMATS,
    Container,
    MetadataPolicy,
    OutputDepth,
    OutputProfile,
    PictureFormat,
    SourceTypeTerm,
    TiffCompression,
)
from giornata.jobs.spec.naming import parse_template
from giornata.jobs.spec.values import Brush, BrushUnit, TaskPalette

_BRUSH = re.compile(r"(\d+(?:\.\d+)?)\s*(px|mm)")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*(kB|MB)")
BYTES_NEEDED = 'a number of bytes, or a size such as "150 kB"'
# Where quality trades for bytes; folders of tiles are JPEG inside.
LOSSY = (PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.AVIF, *FOLDER_FORMATS)
BRUSH_NEEDED = 'a stroke such as "24px", "3mm" or 0.02 (of the long side)'


def _brush(value: Any) -> Any:
    if isinstance(value, str) and (match := _BRUSH.fullmatch(value.strip())):
        return {"value": float(match[1]), "unit": match[2]}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"value": value, "unit": BrushUnit.RELATIVE}
    return value


def _bytes(value: Any) -> Any:
    if isinstance(value, str) and (match := _BYTES.fullmatch(value.strip())):
        return round(float(match[1]) * (1_000 if match[2] == "kB" else 1_000_000))
    return value


def _output_template(text: str) -> str:
    parse_template(text)
    return text


def _mask_template(text: str) -> str:
    parse_template(text, file=False)
    return text


BrushSize = Annotated[Brush, BeforeValidator(_brush)]
MaskTemplate = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_mask_template)]
Side = Annotated[int, Field(ge=1, le=1_000_000)]
Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=1_000, le=10**12)]
OutputTemplate = Annotated[str, Field(max_length=1000), AfterValidator(_output_template)]
IIIF_BASE_NEEDED = "an http(s) address without query or fragment, which info.json's id begins with"
Address = Annotated[str, Field(max_length=1000, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description='a colour such as "#0033aa"')]


class OutputSpec(SpecModel):
    """One deliverable that is written per picture and style: a file, or a folder of tiles."""

    format: PictureFormat = PictureFormat.SAME
    quality: int = Field(92, ge=1, le=100, description="a whole number from 1 to 100")
    size: Side | tuple[Side, Side] | None = Field(None, description="the long side in px, or [width, height]")
    suffix: str = Field("", max_length=64, description="at most 64 characters for {suffix}")
    profile: OutputProfile = OutputProfile.SOURCE
    depth: OutputDepth = OutputDepth.SOURCE
    compression: TiffCompression = TiffCompression.DEFLATE
    pyramid: bool | None = Field(None, description="true or false; above 50 megapixels if left out")
    container: Container = Container.FOLDER
    template: OutputTemplate | None = Field(None, description="a name template for this output alone")
    max_bytes: Bytes | None = Field(None, description=BYTES_NEEDED)
    iiif_base: Address | None = Field(None, description=IIIF_BASE_NEEDED)
    bigtiff: bool | None = Field(
        None, description="true or false; when it would not fit otherwise if left out"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_bytes is not None and self.format not in LOSSY:
            raise ValueError(f"max_bytes goes with format {' or '.join(LOSSY)}")
        if self.bigtiff is not None and self.format not in (PictureFormat.TIFF, PictureFormat.SAME):
            raise ValueError(f"bigtiff goes with format {PictureFormat.TIFF}")
        if self.iiif_base is not None and self.format is not PictureFormat.IIIF:
            raise ValueError(f"iiif_base goes with format {PictureFormat.IIIF}")
        if self.container is not Container.FOLDER and self.format not in FOLDER_FORMATS:
            raise ValueError(f"container goes with format {' or '.join(FOLDER_FORMATS)}")
        return self


class Palette(SpecModel):
    """Brand colours: where the source shows one of them, the output does, within `delta_e` (CIEDE2000)."""

    colours: tuple[Colour, ...] = Field(min_length=1, max_length=32, description="a list of #rrggbb")
    delta_e: float = Field(5.0, gt=0, le=50, allow_inf_nan=False, description="a number above 0, at most 50")

    @property
    def for_task(self) -> TaskPalette:
        """The palette as it travels to a worker."""
        return TaskPalette(colours=tuple(colour.lower() for colour in self.colours), delta_e=self.delta_e)


class RegionSpec(SpecModel):
    """A style that is used where a mask says so; the mask is a name template from the spec's folder."""

    mask: MaskTemplate
    name: str | None = Field(None, min_length=1, description="the name of a style")
    mix: dict[str, Weight] | None = Field(None, min_length=1, description="style names with numbers above 0")
    strength: Share | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.name is None) == (self.mix is None):
            raise ValueError("needed either name or mix")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """Style names with weights that sum to one."""
        parts = self.mix or ({self.name: 1.0} if self.name else {})
        total = sum(parts.values())
        return {name: weight / total for name, weight in sorted(parts.items())}


class Masks(SpecModel):
    """Where the source stays as it is (`protect`), and the only place a style goes (`apply`).

    Both are name templates of pictures, light where they mean it; a picture whose mask is not there is
    refused, unless `optional`.
    """

    protect: MaskTemplate | None = None
    apply: MaskTemplate | None = None
    feather: float = Field(8.0, ge=0, le=1000, allow_inf_nan=False, description="px from 0 to 1000")
    optional: bool = False


class Metadata(SpecModel):
    """What outputs say about themselves; `credentials` are signed, by the key that the environment names."""

    keep: MetadataPolicy = MetadataPolicy.KEEP
    sidecar: bool = True
    credentials: bool = False
    source_type: SourceTypeTerm = SourceTypeTerm.COMPOSITE


class SourceLimits(SpecModel):
    """What a source may ask of a worker; what is left out keeps the worker's own limit."""

    max_file_bytes: int | None = Field(None, gt=0)
    max_width_px: int | None = Field(None, gt=0)
    max_height_px: int | None = Field(None, gt=0)
    max_pixels: int | None = Field(None, gt=0)
    max_bands: int | None = Field(None, gt=0)
    max_pages: int | None = Field(None, gt=0)
    max_metadata_bytes: int | None = Field(None, gt=0)
    max_tile_pixels: int | None = Field(None, gt=0)
    bomb_pixels: int | None = Field(None, gt=0)
    memory_mb: int | None = Field(None, ge=128)

    @property
    def given(self) -> dict[str, int]:
        """The limits that were given, by name."""
        return {name: value for name, value in self.model_dump().items() if value is not None}
