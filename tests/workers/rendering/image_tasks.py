"""Tasks for one small picture, and its pixels."""

from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.crop import CropNeed, TaskCrop
from giornata.jobs.spec.enums import PictureFormat

SIZE = (120, 160)  # height, width


def task_of(source: Path, target: Path, **words: object) -> RenderTask:
    plain = {"item_id": "a" * 20, "style_label": "s", "mix": {"great-wave": 1.0}, "format": PictureFormat.PNG}
    return RenderTask.model_validate({**plain, "source": str(source), "target": str(target), **words})


def crop_to(aspect: float, size: int | None = None, **more: object) -> TaskCrop:
    needs = tuple(CropNeed(aspect=one, size=size) for one in (1.0, 2.0))
    return TaskCrop.model_validate(
        {"label": "x", "need": CropNeed(aspect=aspect, size=size), "all_needs": needs, **more}
    )


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(pyvips.Image.new_from_file(str(path)).numpy())
