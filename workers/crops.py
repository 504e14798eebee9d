"""Cuts pictures to the shapes a campaign asks for: decoded ones before styling, or styled ones after."""

from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from giornata.jobs.spec.crop import (
    CropBox,
    CropStyling,
    Size,
    TaskCrop,
    crop_box,
    crop_size,
    enlargement,
    master_size,
)
from giornata.workers.picture import VIPS_FORMATS
from giornata.workers.resize import resize
from giornata.workers.source import WorkingFile
from giornata.workers.working import WorkingPicture

ENLARGED = 1.005  # less than that is the rounding of a side


def to_style(working: WorkingPicture, crop: TaskCrop | None, folder: Path) -> WorkingPicture:
    """What is styled for a crop: the whole picture, no larger than all crops need, or the crop itself.

    What is made anew is kept in `folder`; a picture that fits is given back as it is.
    """
    if crop is None:
        return working
    size = (working.width, working.height)
    if crop.styling is CropStyling.ONCE:
        return _made(working, CropBox(0, 0, *size), master_size(size, crop.all_needs), folder)
    box = crop_box(size, crop)
    wanted = crop_size(box, crop.need)
    shown = (box.width, box.height) if enlargement(box, wanted) > 1 else wanted
    return _made(working, box, shown, folder)


def to_show(size: Size, crop: TaskCrop | None) -> tuple[CropBox | None, Size | None]:
    """Which part of a styled picture of `size` an output shows, and in how many px; nothing: the whole."""
    if crop is None:
        return None, None
    whole = crop.styling is CropStyling.EACH
    box = CropBox(0, 0, *size) if whole else crop_box(size, crop)
    return (None if whole else box), crop_size(box, crop.need)


def crop_warnings(working: WorkingPicture, crop: TaskCrop | None) -> tuple[str, ...]:
    """What a person should know about a crop: the source is too small, or the safe area does not fit."""
    if crop is None:
        return ()
    facts = working.facts
    box = crop_box((facts.width, facts.height), crop)
    wanted, told = crop_size(box, crop.need), []
    times = enlargement(box, wanted)
    if times > ENLARGED:
        told.append(
            f"{crop.label}: enlarged {times:.2f} times, the source has {box.width}×{box.height} px there"
        )
    if any(box.cut):
        told.append(f"{crop.label}: the safe area is cut by {box.cut[0]}×{box.cut[1]} px of the source")
    return tuple(told)


def _made(working: WorkingPicture, box: CropBox, size: Size, folder: Path) -> WorkingPicture:
    if (box.width, box.height) == (working.width, working.height) == size:
        return working
    folder.mkdir(exist_ok=True)
    alpha = working.alpha
    pixels_path = _written(working.pixels, box, size, folder / WorkingFile.PIXELS)
    changes: dict[str, Any] = {"pixels_path": pixels_path, "width": size[0], "height": size[1]}
    if alpha is not None:
        changes["alpha_path"] = _written(alpha, box, size, folder / WorkingFile.ALPHA)
    return working.model_copy(update=changes)


def _written(samples: NDArray[Any], box: CropBox, size: Size, path: Path) -> Path:
    """A part of `samples` at `size` as a numpy file, streamed."""
    bands = 1 if samples.ndim == 2 else samples.shape[2]
    kind = VIPS_FORMATS[str(samples.dtype)]
    whole = pyvips.Image.new_from_memory(
        samples.reshape(-1).data, samples.shape[1], samples.shape[0], bands, kind
    )
    image = resize(whole.extract_area(box.left, box.top, box.width, box.height), size).cast(kind)
    made = np.lib.format.open_memmap(
        path, mode="w+", dtype=samples.dtype, shape=(size[1], size[0], *samples.shape[2:])
    )
    step = max(1, (1 << 20) // size[0])
    region = pyvips.Region.new(image)
    for top in range(0, size[1], step):
        rows = min(step, size[1] - top)
        data = region.fetch(0, top, size[0], rows)
        made[top : top + rows] = np.frombuffer(data, samples.dtype).reshape(rows, *made.shape[1:])
    made.flush()
    return path
