"""The loss history of an optimisation: how far it is and how its loss fell, as a small file beside its work.

The coordinating process writes it (`history_writer`); any process that sees the scratch may read it at any
time, without loading torch. At the end it becomes a fact of the delivered picture.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from giornata.jobs.maintenance.gc import PICTURES

HISTORY = "course.json"
PARTS = ("total", "content", "style", "variation")
WORK = "optimisation"  # the folder in a picture's own where its optimisation works
FACT = "course"  # its name among the facts of a delivered picture


class ScaleHistory(BaseModel):
    """One scale, px and steps it is to do; `at` are steps done, and the losses at each of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    height: int
    steps: int
    at: tuple[int, ...]
    total: tuple[float, ...]
    content: tuple[float, ...]
    style: tuple[float, ...]
    variation: tuple[float, ...]

    @property
    def step(self) -> int:
        """Steps done."""
        return self.at[-1] if self.at else 0

    @property
    def loss(self) -> dict[str, float]:
        """The newest loss and its parts; empty before the first."""
        return {name: getattr(self, name)[-1] for name in PARTS} if self.at else {}


class LossHistory(BaseModel):
    """All scales so far, the last one at work; `step_s` is None when no step is under way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scales: int
    curves: tuple[ScaleHistory, ...]
    step_s: float | None = None
    left_s: float | None = None

    @property
    def now(self) -> ScaleHistory:
        """The scale at work, or the last one."""
        return self.curves[-1]


def read_history(folder: Path) -> LossHistory | None:
    """The course in a picture's `folder`; None unless it is an optimisation that has begun."""
    try:
        course = LossHistory.model_validate_json((folder / WORK / HISTORY).read_text())
    except (OSError, ValidationError):
        return None
    return course if course.curves else None


def history_at(scratch: Path | None, item_id: str) -> tuple[Path, LossHistory] | None:
    """The folder and the course of an item that is being optimised on this machine; None for others."""
    if scratch is None or not item_id.isalnum():
        return None
    for folder in (scratch / PICTURES).glob(f"{item_id}-*"):
        course = read_history(folder)
        if course is not None:
            return folder, course
    return None


def history_fact(folder: Path) -> dict[str, str]:
    """The course in a picture's `folder` as a fact of it; empty for a picture without."""
    course = read_history(folder)
    return {} if course is None else {FACT: course.model_dump_json(exclude={"step_s", "left_s"})}


def history_from(facts: Mapping[str, object]) -> LossHistory | None:
    """The inverse of `history_fact`, from all facts of a picture."""
    try:
        return LossHistory.model_validate(json.loads(str(facts[FACT])))
    except (KeyError, ValueError):
        return None


def live_picture(folder: Path, side_px: int) -> Image.Image | None:
    """The picture in a picture's `folder` as it is now, 8 bit RGB; None while there is none."""
    course = read_history(folder)
    if course is None:
        return None
    place = folder / WORK / f"scale-{len(course.curves) - 1:02d}"
    try:
        return small_picture(place, course.now.width, course.now.height, side_px=side_px)
    except (OSError, ValueError):
        return None


def small_picture(place: Path, width: int, height: int, *, side_px: int) -> Image.Image:
    """The picture of the scale that works in `place`, no side above `side_px`, 8 bit RGB."""
    pixels = np.load(place / "picture.npy", mmap_mode="r")
    step = max(1, -(-max(width, height) // side_px))
    small = np.clip(pixels[:height:step, :width:step], 0, 1)
    return Image.fromarray((small * 255).round().astype(np.uint8))
