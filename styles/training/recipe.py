"""The training recipe: which paintings and how long; read from TOML, frozen, unknown keys refused."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giornata.styles.errors import BadRecipe


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
    style_weight: float = Field(default=1.0, gt=0)


class TrainingStage(BaseModel):
    """A stretch of steps with its own learning-rate cycle and its own balance of losses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    cycle_steps: int | None = Field(default=None, ge=1, description="length of the rate's cycle, if longer")
    peak_rate: float = Field(default=3e-3, gt=0)
    content_weight: float = 1.0
    style_weight: float = 1.0
    deep_weight: float = 0.5
    variation_weight: float = 0.3
    unrest_weight: float = 0.0
    identity_weight: float = 8.0
    identity_share: float = Field(default=0.1, ge=0, le=1)
    only_identity: bool = Field(default=False, description="train nothing but the identity's own rows")


class Recipe(BaseModel):
    """Everything that decides the weights, apart from the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    trained_on: str
    width: int = Field(default=32, ge=8)
    blocks: int = Field(default=5, ge=1)
    stages: tuple[TrainingStage, ...] = Field(min_length=1)
    batch: int = Field(default=4, ge=1)
    crop_px: int = Field(default=256, ge=64, multiple_of=16)
    pyramid_levels: int = Field(default=3, ge=1, le=4)
    clip_norm: float = Field(default=5.0, gt=0)
    seed: int = 0
    paintings: tuple[Painting, ...] = Field(min_length=1)

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
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise BadRecipe(str(path), str(exc)) from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRecipe(str(path), f"{where}: {first['msg']}") from exc
