"""Crops: which part of a picture an output shows, how large the picture must be styled for all of them.

Arithmetic on sizes only, so that planning can say what will be styled, and enlarged, before anything runs.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Portion = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Point = tuple[Portion, Portion]
Area = tuple[Portion, Portion, Portion, Portion]  # left, top, right, bottom
CENTRE: Point = (0.5, 0.5)


class CropStyling(StrEnum):
    """What is styled: the whole picture once, to be cut afterwards, or every crop by itself."""

    ONCE = "once"
    EACH = "each"


class CropNeed(BaseModel):
    """One shape that a picture is wanted in: an aspect, and the pixels it should have (nothing: all).

    `size` is the long side in px, or (width, height).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    aspect: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    size: int | tuple[int, int] | None = None


class TaskCrop(BaseModel):
    """A shape, where in the picture it lies, and all shapes its styled picture must be large enough for.

    `focal` and `safe` are shares of the picture's width and height from its upper left corner. The crop is
    the largest of its shape; it keeps the focal point near its middle and the safe area inside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    need: CropNeed
    focal: Point = CENTRE
    safe: Area | None = None
    styling: CropStyling = CropStyling.ONCE
    all_needs: tuple[CropNeed, ...] = ()


Size = tuple[int, int]  # width, height in px


@dataclass(frozen=True)
class CropBox:
    """A crop in px of its picture, and by how many px the safe area stands out of it (width, height)."""

    left: int
    top: int
    width: int
    height: int
    cut: Size = (0, 0)


def largest_crop(size: Size, aspect: float) -> Size:
    """The largest width and height of this aspect inside `size`, at least one px each."""
    width, height = size
    if width > height * aspect:
        return max(1, min(width, round(height * aspect))), height
    return width, max(1, min(height, round(width / aspect)))


def crop_box(size: Size, crop: TaskCrop) -> CropBox:
    """The box of a crop in a picture of `size`.

    The focal point is as near to its middle as the picture's borders and the safe area let it; a safe area
    that is larger than the crop is cut evenly on both sides.
    """
    width, height = largest_crop(size, crop.need.aspect)
    safe = crop.safe or (0.0, 0.0, 0.0, 0.0)
    left, cut_x = _start(size[0], width, crop.focal[0], (safe[0], safe[2]) if crop.safe else None)
    top, cut_y = _start(size[1], height, crop.focal[1], (safe[1], safe[3]) if crop.safe else None)
    return CropBox(left, top, width, height, (cut_x, cut_y))


def _start(whole: int, part: int, focal: float, safe: tuple[float, float] | None) -> tuple[int, int]:
    """Where `part` px of `whole` px begin, and how many px of the safe area they leave out."""
    lowest, highest, cut = 0, whole - part, 0
    middle = focal * whole
    if safe is not None:
        first, last = math.floor(safe[0] * whole), math.ceil(safe[1] * whole)
        cut = max(0, last - first - part)
        if cut:
            middle = (first + last) / 2
        else:
            lowest, highest = max(lowest, last - part), min(highest, first)
    return min(max(round(middle - part / 2), lowest), highest), cut


def crop_size(box: CropBox, need: CropNeed) -> Size:
    """The px of an output that shows `box`: those asked for, or the box's own."""
    if need.size is None:
        return box.width, box.height
    if isinstance(need.size, tuple):
        return need.size
    # By the shape that was asked for and not by the box, whose sides are whole px of a source of any size.
    if need.aspect >= 1:
        return need.size, max(1, round(need.size / need.aspect))
    return max(1, round(need.size * need.aspect)), need.size


def master_size(size: Size, needs: Iterable[CropNeed]) -> Size:
    """The smallest size of the whole picture that every crop can be cut from, at most `size` itself."""
    scale = max((_scale(size, need) for need in needs), default=1.0)
    if scale >= 1:
        return size
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def _scale(size: Size, need: CropNeed) -> float:
    width, height = largest_crop(size, need.aspect)
    output = crop_size(CropBox(0, 0, width, height), need)
    return max(output[0] / width, output[1] / height)


def enlargement(box: CropBox, size: Size) -> float:
    """How many times larger than its own px an output of `size` shows the box; 1 or less enlarges nothing."""
    return max(size[0] / box.width, size[1] / box.height)
