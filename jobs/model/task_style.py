"""Styles that are not networks as they travel with a task: an optimisation, or the universal engine."""

from collections.abc import Callable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.spec.base import Share
from giornata.jobs.spec.enums import (
    TransformKind,
)
from giornata.jobs.spec.style import OptimizationSpec, StyleImage
from giornata.jobs.spec.universal import USUAL_SIZE_PX, Levels, StyleSize


class TaskOptimise(BaseModel):
    """An optimisation as it travels: absolute paths of its pictures, and `settings` as in `OptimizationSpec`.

    `stamps` tell one version of the pictures from the next, in the order of `pictures`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[StyleImage, ...] = Field(min_length=1)
    previous: str | None = None
    encoder: str = "auto"
    steps: int | None = None
    choice: OptimizationSpec = OptimizationSpec()
    stamps: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """All files or objects it reads: style pictures, each with its mask, and a previous result."""
        named = [name for image in self.images for name in (image.path, image.mask)]
        return tuple(name for name in (*named, self.previous) if name)

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
        """The options of the engine itself."""
        return self.choice.settings if self.steps is None else {**self.choice.settings, "steps": self.steps}


class TaskUniversal(BaseModel):
    """A style of the universal engine as it travels.

    `images` are absolute paths or objects with their shares; without any, the style is the task's `mix`, by
    name. `levels`, `structure` and `transform` of None are as the styles' cards say. `size_px` is the
    short side that images are read at. `stamps` tell one version of the images from the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[StyleImage, ...] = ()
    levels: Levels | None = None
    structure: Share | None = None
    transform: TransformKind | None = None
    size_px: StyleSize = USUAL_SIZE_PX
    stamps: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """All files or objects it reads."""
        return tuple(image.path for image in self.images)

    def stamp_of(self, name: str) -> str:
        """The version of an image that was listed; empty when that is not known."""
        return dict(zip(self.pictures, self.stamps, strict=False)).get(name, "")

    def elsewhere(self, moved: Callable[[str], str]) -> Self:
        """The same with every image at another name."""
        images = tuple(image.model_copy(update={"path": moved(image.path)}) for image in self.images)
        return self.model_copy(update={"images": images})
