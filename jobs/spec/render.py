"""The part of a spec that says how every picture is rendered."""

from typing import Self

from pydantic import Field, model_validator

from giornata.jobs.spec.base import Share, SpecModel
from giornata.jobs.spec.enums import DeviceChoice, Pages, Precision, PreserveColour, Statistics
from giornata.jobs.spec.output import BRUSH_NEEDED, BrushSize

TILE_STEP_PX = 16  # a multiple of every engine's stride


class RenderSpec(SpecModel):
    """How every picture of the job is rendered; `blend` mixes pixels, `strength` walks inside the network."""

    strength: Share = 1.0
    blend: Share = 1.0
    tile: int | None = Field(
        None,
        ge=64,
        le=2048,
        multiple_of=TILE_STEP_PX,
        description=f"a multiple of {TILE_STEP_PX} from 64 to 2048 (px of core)",
    )
    overlap: int = Field(64, ge=0, le=1024, description="a whole number from 0 to 1024 (px)")
    statistics: Statistics = Statistics.EXACT
    reference: str | None = Field(None, min_length=1, description="the path of a picture")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="a whole number from 0")
    precision: Precision = Precision.FP32
    device: DeviceChoice = DeviceChoice.AUTO
    preserve_colour: PreserveColour = PreserveColour.NONE
    brush: BrushSize | None = Field(None, description=BRUSH_NEEDED)
    pages: Pages = Pages.REFUSE
    float_range: tuple[float, float] | None = Field(None, description="[lowest, highest] of float samples")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.reference is None) == (self.statistics is Statistics.REFERENCE):
            raise ValueError(f"reference goes with statistics: {Statistics.REFERENCE}, one needs the other")
        if self.tile is not None and self.overlap > self.tile:
            raise ValueError(f"got overlap {self.overlap} px, needed at most the tile's {self.tile} px")
        return self
