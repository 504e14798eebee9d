"""Inputs and styles of a spec, and the settings of an optimisation.

Whatever is left out keeps the engine's own default, so that a content key stays the same when there is more
to say.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from giornata.jobs.spec.base import Share, SpecModel, Weight, named, one_or_many
from giornata.jobs.spec.enums import (
    ConventionKind,
    EngineKind,
    GrowthKind,
    OptimiserKind,
    PoolingKind,
    StartKind,
    TermKind,
    TransformKind,
)
from giornata.jobs.spec.output import RegionSpec
from giornata.jobs.spec.universal import LEVELS_NEEDED, SIZE_NEEDED, Levels, StyleSize

LayerWeights = dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
LAYERS_NEEDED = "layer names such as relu3_1 with numbers from 0"
AMOUNT = "a number from 0"


class StyleImage(SpecModel):
    """A picture to take style from, its share among several, and where it goes. A bare word is a `path`."""

    path: str = Field(min_length=1, description="the path of a picture")
    share: Weight = 1.0
    mask: str | None = Field(None, min_length=1, description="the path of a picture, light where it goes")


StyleImages = Annotated[tuple[Annotated[StyleImage, named("path")], ...], BeforeValidator(one_or_many)]


class OptimizationSpec(SpecModel):
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
        """The options of the engine itself, by its own names."""
        return self.model_dump(exclude_none=True, exclude={"images", "encoder", "previous"})


MANIFEST_SUFFIXES = (".csv", ".jsonl")


class InputSpec(SpecModel):
    """One entry of `inputs`: a file, folder or glob, or a manifest. A bare word is a `path`."""

    path: str | None = Field(None, min_length=1, description="a file, a folder or a glob")
    manifest: str | None = Field(None, min_length=1, description="a .csv or .jsonl file")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.path is None) == (self.manifest is None):
            raise ValueError("needed either path or manifest")
        if self.manifest is not None and not self.manifest.lower().endswith(MANIFEST_SUFFIXES):
            raise ValueError(f"got {self.manifest!r}, needed a name in {' or '.join(MANIFEST_SUFFIXES)}")
        return self

    @property
    def manifest_path(self) -> str | None:
        """The manifest this entry names, also when it was written as a bare word."""
        bare = self.path if self.path and self.path.lower().endswith(MANIFEST_SUFFIXES) else None
        return self.manifest or bare


class StyleSpec(SpecModel):
    """One entry of `styles`: a style by name, a weighted mix of them, or images to take the style from.

    Images are for the universal engine, unless `engine`, `steps` or `optimise` say optimization.
    """

    name: str | None = Field(None, min_length=1, description="the name of a style")
    mix: dict[str, Weight] | None = Field(None, min_length=1, description="style names with numbers above 0")
    image: str | None = Field(None, min_length=1, description="the path of a picture")
    images: StyleImages = Field((), max_length=16, description="a list of pictures, each with a share")
    engine: EngineKind | None = None
    label: str | None = Field(None, min_length=1, description="a word for file names")
    strength: Share | None = None
    levels: Levels | None = Field(None, description=LEVELS_NEEDED)
    structure: Share | None = Field(None, description="a number from 0 to 1")
    transform: TransformKind | None = None
    style_size: StyleSize | None = Field(None, description=SIZE_NEEDED)
    steps: int | None = Field(None, ge=1, le=100_000, description="a whole number from 1 to 100000")
    optimise: OptimizationSpec | None = Field(None, description="a group of keys")
    regions: Annotated[tuple[RegionSpec, ...], BeforeValidator(one_or_many)] = Field((), max_length=16)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = (self.name, self.mix, self.image, self.images or None)
        if sum(choice is not None for choice in given) != 1:
            raise ValueError("needed exactly one of name, mix, image and images")
        engine = self.resolved_engine
        if self.pictures and engine is EngineKind.FEEDFORWARD:
            raise ValueError(
                f"a style image needs engine {EngineKind.UNIVERSAL} or {EngineKind.OPTIMIZATION}"
            )
        if not self.pictures and engine is EngineKind.OPTIMIZATION:
            raise ValueError(f"engine {EngineKind.OPTIMIZATION} needs image, the path of a style picture")
        return self

    @model_validator(mode="after")
    def _settings_fit_the_engine(self) -> Self:
        engine = self.resolved_engine
        if self.steps and engine is not EngineKind.OPTIMIZATION:
            raise ValueError(f"steps are for engine {EngineKind.OPTIMIZATION}")
        if self.optimise and engine is not EngineKind.OPTIMIZATION:
            raise ValueError(f"optimise is for engine {EngineKind.OPTIMIZATION}")
        if self.regions and engine is EngineKind.OPTIMIZATION:
            raise ValueError("regions are for other engines; needed images with a mask each")
        for name in self.universal_settings:
            if self.engine is EngineKind.FEEDFORWARD or engine is EngineKind.OPTIMIZATION:
                raise ValueError(f"{name} is for engine {EngineKind.UNIVERSAL}")
        if self.style_size is not None and not self.pictures:
            raise ValueError("style_size is for images; a style by name has been read already")
        if engine is EngineKind.UNIVERSAL and any(image.mask for image in self.pictures):
            reason = f"a mask is for engine {EngineKind.OPTIMIZATION}"
            raise ValueError(f"images: {reason}; needed regions with styles by name")
        return self

    @property
    def pictures(self) -> tuple[StyleImage, ...]:
        """The images to take the style from, but for those in `optimise`."""
        return (StyleImage(path=self.image),) if self.image else self.images

    @property
    def universal_settings(self) -> dict[str, object]:
        """The settings of the universal engine alone, where they are given."""
        names = ("levels", "structure", "transform", "style_size")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def resolved_engine(self) -> EngineKind:
        """The engine asked for; for a style by name, the library may know another one."""
        if self.engine or not self.pictures:
            return self.engine or EngineKind.FEEDFORWARD
        is_optimised = self.steps is not None or self.optimise is not None
        return EngineKind.OPTIMIZATION if is_optimised else EngineKind.UNIVERSAL

    @property
    def weights(self) -> dict[str, float]:
        """Style names with weights that sum to one; empty for style images."""
        return _shares(self.mix or ({self.name: 1.0} if self.name else {}))

    @property
    def resolved_label(self) -> str:
        """The word for file names: as given, the name, `wave70+seurat30`, or the image's stem."""
        if self.label or self.name:
            return self.label or self.name or ""
        if len(self.pictures) == 1:
            return PurePath(self.pictures[0].path).stem
        parts = self.weights or _shares({PurePath(image.path).stem: image.share for image in self.pictures})
        return "+".join(f"{name}{round(100 * weight)}" for name, weight in parts.items())


def _shares(parts: Mapping[str, float]) -> dict[str, float]:
    """Sorted by name, and summing to one."""
    total = sum(parts.values())
    return {name: weight / total for name, weight in sorted(parts.items())}
