"""What a person says about an optimisation, and what of it travels with a task.

Whatever is left out keeps the engine's own default, so that a content key stays the same when there is more
to say.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from giornata.jobs.parts import Part, Weight, named, one_or_many

LayerWeights = dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
LAYERS_NEEDED = "layer names such as relu3_1 with numbers from 0"
AMOUNT = "a number from 0"


class OptimiserKind(StrEnum):
    """How the picture is moved."""

    LBFGS = "lbfgs"
    ADAM = "adam"


class StartKind(StrEnum):
    """Where an optimisation starts from."""

    CONTENT = "content"
    NOISE = "noise"
    PREVIOUS = "previous"


class GrowthKind(StrEnum):
    """How sizes grow from scale to scale."""

    NONE = "none"
    SQRT2 = "sqrt2"
    DYADIC = "dyadic"


class PoolingKind(StrEnum):
    """What lies between an encoder's blocks."""

    AVERAGE = "average"
    MAXIMUM = "max"


class TermKind(StrEnum):
    """What of two feature distributions is compared."""

    GRAM = "gram"
    MEAN_STD = "mean-std"
    WASSERSTEIN = "wasserstein"


class ConventionKind(StrEnum):
    """How losses are normalised; alpha and beta mean something else in each."""

    RELATIVE = "relative"
    PAPER = "paper"
    ELEMENTS = "elements"


class StyleImage(Part):
    """A picture to take style from, its share among several, and where it goes. A bare word is a `path`."""

    path: str = Field(min_length=1, description="the path of a picture")
    share: Weight = 1.0
    mask: str | None = Field(None, min_length=1, description="the path of a picture, light where it goes")


StyleImages = Annotated[tuple[Annotated[StyleImage, named("path")], ...], BeforeValidator(one_or_many)]


class OptimiseChoice(Part):
    """The group `optimise` of a style that is a picture."""

    images: StyleImages = Field((), max_length=16, description="more style pictures")
    encoder: str | None = Field(None, min_length=1, description="auto, compact, vgg19 or the path of a file")
    pooling: PoolingKind | None = None
    content_layers: LayerWeights | None = Field(None, min_length=1, description=LAYERS_NEEDED)
    style_layers: LayerWeights | None = Field(None, min_length=1, description=LAYERS_NEEDED)
    alpha: float | None = Field(None, ge=0, allow_inf_nan=False, description=AMOUNT)
    beta: float | None = Field(None, ge=0, allow_inf_nan=False, description=AMOUNT)
    tv: float | None = Field(None, ge=0, allow_inf_nan=False, description=AMOUNT)
    tv_power: int | None = Field(None, ge=1, le=2, description="1 or 2")
    term: TermKind | None = None
    convention: ConventionKind | None = None
    optimiser: OptimiserKind | None = None
    line_search: bool | None = None
    rate: float | None = Field(None, gt=0, allow_inf_nan=False, description="a number above 0")
    growth: GrowthKind | None = None
    start: StartKind | None = None
    previous: str | None = Field(None, min_length=1, description="the path of a picture")
    averaging: float | None = Field(None, ge=0, lt=1, description="a number from 0 to below 1")
    style_scale: float | None = Field(None, gt=0, le=8, description="a number above 0, at most 8")

    @property
    def settings(self) -> dict[str, object]:
        """What is for the engine itself, as it calls it."""
        return self.model_dump(exclude_none=True, exclude={"images", "encoder", "previous"})


class TaskOptimise(BaseModel):
    """An optimisation as it travels: absolute paths of its pictures, and `settings` as in `OptimiseChoice`.

    `stamps` tell one version of the pictures from the next, in the order of `pictures`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[StyleImage, ...] = Field(min_length=1)
    previous: str | None = None
    encoder: str = "auto"
    steps: int | None = None
    choice: OptimiseChoice = OptimiseChoice()
    stamps: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """All files or objects it reads: style pictures, each with its mask, and a previous result."""
        named = [one for image in self.images for one in (image.path, image.mask)]
        return tuple(one for one in (*named, self.previous) if one)

    def stamp_of(self, name: str) -> str:
        """The version of a picture that was listed; empty when that is not known."""
        return dict(zip(self.pictures, self.stamps, strict=False)).get(name, "")

    def elsewhere(self, moved: Callable[[str], str]) -> Self:
        """The same with every picture at another name."""
        images = tuple(
            image.model_copy(
                update={"path": moved(image.path), "mask": moved(image.mask) if image.mask else None}
            )
            for image in self.images
        )
        previous = moved(self.previous) if self.previous else None
        return self.model_copy(update={"images": images, "previous": previous})

    @property
    def settings(self) -> dict[str, object]:
        """All that is for the engine itself."""
        return self.choice.settings if self.steps is None else {**self.choice.settings, "steps": self.steps}
