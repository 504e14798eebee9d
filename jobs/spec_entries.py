"""The entries of a spec's two lists: what is to be rendered, and in which styles."""

from pathlib import PurePath
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from giornata.jobs.choices import EngineKind
from giornata.jobs.optimise import OptimiseChoice
from giornata.jobs.parts import Part, Share, Weight, one_or_many
from giornata.jobs.pixels import RegionChoice

MANIFEST_SUFFIXES = (".csv", ".jsonl")


class InputChoice(Part):
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


class StyleChoice(Part):
    """One entry of `styles`: a style by name, a weighted mix of them, or a picture to take the style from."""

    name: str | None = Field(None, min_length=1, description="the name of a style")
    mix: dict[str, Weight] | None = Field(None, min_length=1, description="style names with numbers above 0")
    image: str | None = Field(None, min_length=1, description="the path of a picture")
    engine: EngineKind | None = None
    label: str | None = Field(None, min_length=1, description="a word for file names")
    strength: Share | None = None
    steps: int | None = Field(None, ge=1, le=100_000, description="a whole number from 1 to 100000")
    optimise: OptimiseChoice | None = Field(None, description="a group of keys")
    regions: Annotated[tuple[RegionChoice, ...], BeforeValidator(one_or_many)] = Field((), max_length=16)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum(given is not None for given in (self.name, self.mix, self.image)) != 1:
            raise ValueError("needed exactly one of name, mix and image")
        if self.image and self.engine is EngineKind.FEEDFORWARD:
            raise ValueError(f"a style image needs engine {EngineKind.OPTIMIZATION}")
        if self.steps and self.resolved_engine is EngineKind.FEEDFORWARD:
            raise ValueError(f"steps are for engine {EngineKind.OPTIMIZATION}")
        if self.optimise and self.resolved_engine is EngineKind.FEEDFORWARD:
            raise ValueError(f"optimise is for engine {EngineKind.OPTIMIZATION}")
        if self.resolved_engine is EngineKind.OPTIMIZATION and not self.image:
            raise ValueError(f"engine {EngineKind.OPTIMIZATION} needs image, the path of a style picture")
        if self.regions and self.image:
            raise ValueError("regions are for styles by name; needed optimise.images with a mask each")
        return self

    @property
    def resolved_engine(self) -> EngineKind:
        """The engine asked for; a style image implies optimization."""
        return self.engine or (EngineKind.OPTIMIZATION if self.image else EngineKind.FEEDFORWARD)

    @property
    def weights(self) -> dict[str, float]:
        """Style names with weights that sum to one; empty for a style image."""
        parts = self.mix or ({self.name: 1.0} if self.name else {})
        total = sum(parts.values())
        return {name: weight / total for name, weight in sorted(parts.items())}

    @property
    def resolved_label(self) -> str:
        """The word for file names: as given, the name, `wave70+seurat30`, or the image's stem."""
        if self.label or self.name:
            return self.label or self.name or ""
        if self.image:
            return PurePath(self.image).stem
        return "+".join(f"{name}{round(100 * weight)}" for name, weight in self.weights.items())
