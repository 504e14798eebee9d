"""The training recipe: which paintings and how long; read from TOML, frozen, unknown keys refused."""

import math
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giornata.styles.errors import BadRecipe
from giornata.styles.feedforward.network import NetworkShape

Model = TypeVar("Model", bound=BaseModel)
RECIPES = Path(__file__).parent / "recipes"  # that ship


class Painting(BaseModel):
    """One style to learn: a picture and what its card will say about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    image: str
    title: str
    artist: str
    year: str
    licence: str = "public domain"
    short_side_px: int = Field(default=512, ge=128, description="size at which the brush strokes are read")
    style_goal: float | None = Field(default=None, gt=0, description="instead of the recipe's")
    median_px: int = Field(default=3, ge=1, le=7, description="side of the median that takes the grain away")


class StageKind(StrEnum):
    """Goal of a stretch of training."""

    STYLE = "style"
    DISTIL = "distil"  # as `style`, with the universal network's picture in the photograph's place
    IDENTITY = "identity"  # the identity's own rows and nothing else


class TrainingStage(BaseModel):
    """A stretch of steps with one rise and fall of the learning rate and its own balance of losses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    kind: StageKind = StageKind.STYLE
    batch: int = Field(default=6, ge=1)
    crop_px: int = Field(default=192, ge=64, multiple_of=16)
    peak_rate: float = Field(default=2e-3, gt=0)
    last_rate: float = Field(default=0.02, gt=0, le=1, description="at the end, as a share of the peak")
    style_weight: float = Field(default=6.0, ge=0, description="before a painting's own factor")
    content_weight: float = Field(default=3.0, ge=0)
    variation_weight: float = Field(default=1.0, ge=0)
    unrest_weight: float = Field(default=0.0, ge=0)
    lattice_weight: float = Field(default=20.0, ge=0)
    identity_weight: float = Field(default=10.0, ge=0)
    likeness_weight: float = Field(default=10.0, ge=0, description="to the universal network's picture")
    structure: float = Field(default=0.1, ge=0, le=1, description="of the universal network's picture")
    identity_share: float = Field(default=0.08, ge=0, le=1, description="samples that are to stay themselves")

    def rate_at(self, step: int) -> float:
        """The learning rate at `step` of the stage: a short rise, then half a cosine."""
        rise = max(1, min(self.steps // 20, 300))
        if step < rise:
            return self.peak_rate * (step + 1) / rise
        fall = (step - rise) / max(1, self.steps - rise)
        return self.peak_rate * (self.last_rate + (1 - self.last_rate) * 0.5 * (1 + math.cos(math.pi * fall)))


class Recipe(BaseModel):
    """Everything that decides the weights, apart from the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    trained_on: str
    width: int = Field(default=48, ge=8, description="channels of the trunk, at quarter size")
    blocks: int = Field(default=6, ge=1, description="residual blocks")
    ends: tuple[int, int] = Field(default=(32, 48), description="channels at full and half size, inwards")
    up: tuple[int, int] = Field(default=(24, 16), description="channels at half and full size, outwards")
    stages: tuple[TrainingStage, ...] = Field(min_length=1)
    style_goal: float = Field(default=0.1, gt=0, description="style distance that factors steer towards")
    steer_every: int = Field(default=200, ge=1, description="steps between two steerings")
    averaging: float = Field(default=0.999, ge=0, lt=1)
    clip_norm: float = Field(default=5.0, gt=0)
    seed: int = 0
    paintings: tuple[Painting, ...] = Field(min_length=1)

    @property
    def style_goals(self) -> tuple[float, ...]:
        """The style distance each painting is steered towards."""
        return tuple(painting.style_goal or self.style_goal for painting in self.paintings)

    @property
    def shape(self) -> NetworkShape:
        """The network to train; doublings are smooth."""
        return NetworkShape((*self.ends, self.width), self.blocks, self.up, smooth=True)

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[TrainingStage, int]:
        """The stage that `step` (from 0) belongs to, and how many steps of it come before."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        return self.stages[-1], self.stages[-1].steps

    @property
    def style_names(self) -> tuple[str, ...]:
        """Rows of the network's tables: the identity first, then the paintings in order."""
        return ("identity", *(painting.name for painting in self.paintings))


def load_recipe(path: Path) -> Recipe:
    """Read a recipe. Raises `BadRecipe` naming the file and the field."""
    return read_toml(Recipe, path)


def read_toml(model: type[Model], path: Path) -> Model:
    """A `model` from a file. Raises `BadRecipe`."""
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise BadRecipe(str(path), str(exc)) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRecipe(str(path), f"{where}: {first['msg']}") from exc
