"""Parts of a task that are groups of their own: strokes, masks, colours to keep, what is checked."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class BrushUnit(StrEnum):
    """What a stroke is measured in; `relative` is a share of the long side, `mm` needs the picture's DPI."""

    PX = "px"
    RELATIVE = "relative"
    MM = "mm"


class Brush(BaseModel):
    """How large a stroke should be in the delivered picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: BrushUnit


class TaskMasks(BaseModel):
    """Absolute paths of the pictures that protect the source or confine the style; `feather_px` softens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protect: str | None = None
    apply: str | None = None
    feather_px: float = 8.0

    @property
    def names(self) -> tuple[str, ...]:
        """The masks that are given."""
        return tuple(name for name in (self.protect, self.apply) if name)


class TaskPalette(BaseModel):
    """Colours, `#rrggbb`, that stay within `delta_e` (CIEDE2000) where the source shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    colours: tuple[str, ...]
    delta_e: float


class TaskChecks(BaseModel):
    """What is measured on the output, and the bounds beyond which it is not delivered (nothing: no bound)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seam: float | None = None
    clipping: float | None = None
    ssim: float | None = None
    size: bool = False
    profile: bool = False


class TaskRegion(BaseModel):
    """A style for the part of the picture where `mask`, an absolute path, is light."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mask: str
    mix: dict[str, float]
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
