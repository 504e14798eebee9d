"""What a person says about a style of the universal engine, and what of it travels with a task.

Whatever is left out keeps the style's own default, so that a content key stays the same when there is more
to say.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from giornata.jobs.optimise import StyleImage
from giornata.jobs.parts import Share

USUAL_SIZE_PX = 768  # short side that a style image is read at
SIZE_NEEDED = "a whole number from 64 to 4096 (px of the short side)"
LEVELS_NEEDED = "a whole number from 1 (colours) to 5 (composition)"
Levels = Annotated[int, Field(ge=1, le=5, description=LEVELS_NEEDED)]
StyleSize = Annotated[int, Field(ge=64, le=4096, description=SIZE_NEEDED)]


class TransformKind(StrEnum):
    """How features are moved to the style's statistics."""

    TRANSPORT = "transport"
    WHITEN = "whiten"
    MOMENTS = "moments"


class TaskUniversal(BaseModel):
    """A style of the universal engine as it travels.

    `images` are absolute paths or objects with their shares; without any, the style is the task's `mix`, by
    name. `levels`, `structure` and `transform` of nothing are what the styles' cards say. `size_px` is the
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
