"""The recipe of the universal network: its stages and what each weighs; read from TOML, frozen."""

import math
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from giornata.styles.training.recipe import read_toml


class UniversalStage(BaseModel):
    """A stretch of steps of one kind, with one rise and fall of the learning rate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["see", "undo", "rebuild", "paint", "distil"]
    steps: int = Field(ge=1)
    batch: int = Field(default=6, ge=1)
    crop_px: int = Field(default=192, ge=64, multiple_of=16)
    peak_rate: float = Field(gt=0)
    weights: dict[str, float]
    deepest_share: float = Field(default=0.2, ge=0, le=1, description="paintings imposed from level 5 on")
    structure_share: float = Field(default=0.4, ge=0, le=1, description="samples that keep some structure")
    structure_most: float = Field(default=0.5, ge=0, le=1)
    pairs: int = Field(default=3000, ge=1, description="photographs painted by the teacher (distil)")

    def rate_at(self, step: int) -> float:
        """The learning rate at `step` of the stage: a short rise, then a half cosine to a hundredth."""
        rise = max(1, min(self.steps // 20, 300))
        if step < rise:
            return self.peak_rate * (step + 1) / rise
        fall = (step - rise) / max(1, self.steps - rise)
        return self.peak_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


class UniversalRecipe(BaseModel):
    """Everything that decides the weights, apart from the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    trained_on: str
    stages: tuple[UniversalStage, ...] = Field(min_length=1)
    entry_shares: tuple[float, ...] = (0.05, 0.1, 0.15, 0.35, 0.35)
    painting_sides_px: tuple[int, ...] = (384, 576)
    averaging: float = Field(default=0.998, ge=0, lt=1)
    clip_norm: float = Field(default=5.0, gt=0)
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[UniversalStage, int]:
        """The stage that `step` (from 0) belongs to, and how many steps of it come before."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        return self.stages[-1], self.stages[-1].steps


def load_universal_recipe(path: Path) -> UniversalRecipe:
    """Read a recipe (TOML). Raises `BadRecipe` naming the file and the field."""
    return read_toml(UniversalRecipe, path)
