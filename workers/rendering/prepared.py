"""A picture on its way: what was made ready for its tiles, and what came of it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.effects.effects import Effects
from giornata.workers.rendering.quality import Measures
from giornata.workers.tiling.feature_plan import FeaturePlan


class PreparedImage(BaseModel):
    """A decoded picture waiting for its tiles; small, and valid on every process that sees the scratch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    working: DecodedImage
    canvas_path: Path
    core_px: int
    effects: Effects = Effects()
    keeping: FeaturePlan = FeaturePlan()
    lasting: bool = False  # the folder outlives the process, and is removed when the item is at its end

    strength: float | None = None  # chosen for this picture, where the task asks for fidelity
    finished: bool = False  # the canvas holds the styled picture, with all effects
    measures: Measures | None = None

    @property
    def painting(self) -> DecodedImage:
        """What the tiles are made of: the picture itself, unless its strokes are sized."""
        return self.effects.painting or self.working


class RenderResult(BaseModel):
    """The encoded file and how it came to be; seconds are wall time by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int
    width: int
    height: int
    tiles: int
    core_px: int
    keeping: FeaturePlan = FeaturePlan()
    warnings: tuple[str, ...] = ()
    facts: dict[str, str | int | float] = {}
    seconds: dict[str, float] = {}
