"""An image on its way through a render: prepared for its tiles, painted, styled, and written."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from giornata.jobs.model.task import RenderTask
from giornata.styles.moments import Totals
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.effects.effects import Effects
from giornata.workers.rendering.quality import Measures
from giornata.workers.tiling.feature_plan import FeaturePlan

Clock = Callable[[], float]


class PreparedImage(BaseModel):
    """A decoded image waiting for its tiles; small, and valid on every process that sees the scratch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    decoded: DecodedImage
    canvas_path: Path
    core_px: int
    effects: Effects = Effects()
    feature_plan: FeaturePlan = FeaturePlan()
    lasting: bool = False  # the folder outlives the process, and is removed when the item is at its end
    strength: float | None = None  # chosen for this image, where the task asks for fidelity
    seconds: dict[str, float] = {}  # wall time by step, so far

    @property
    def painting(self) -> DecodedImage:
        """The image that is cut into tiles: the decoded one, unless its strokes are sized."""
        return self.effects.painting or self.decoded

    @property
    def strips(self) -> Path:
        """The folder of the strips that neighbouring tiles share, and of the names of their painters."""
        return self.folder / "strips"

    def task_of(self, task: RenderTask) -> RenderTask:
        """`task` with the strength that was chosen for this image."""
        return task if self.strength is None else task.model_copy(update={"strength": self.strength})

    def timed(self, step: str, started_s: float, clock: Clock = time.monotonic) -> "PreparedImage":
        """The same with the seconds of a step that began at `started_s` and ends now."""
        return self.model_copy(
            update={"seconds": self.seconds | {step: round(max(0.0, clock() - started_s), 4)}}
        )


@dataclass(frozen=True)
class PaintedImage:
    """An image whose canvas holds all tiles; `totals` are the statistics they were painted with."""

    prepared: PreparedImage
    totals: Totals | None = None


class StyledImage(BaseModel):
    """An image with all effects applied: `pixels_path` holds it, H x W x 3, uint8 or uint16, working sRGB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prepared: PreparedImage
    pixels_path: Path
    measures: Measures | None = None
    shared: bool = False  # styled for another output


class RenderResult(BaseModel):
    """The encoded file and how it came to be; seconds are wall time by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int
    width: int
    height: int
    tiles: int
    core_px: int
    feature_plan: FeaturePlan = FeaturePlan()
    warnings: tuple[str, ...] = ()
    facts: dict[str, str | int | float] = {}
    seconds: dict[str, float] = {}
