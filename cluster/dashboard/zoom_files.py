"""The files that show an item: its output, a level of a delivered pyramid, or an object in a bucket."""

import os
from enum import StrEnum
from pathlib import Path

from giornata.cluster.dashboard.previews import RemoteImage
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.schemas.jobs import ItemView
from giornata.jobs.model.paths import is_url
from giornata.jobs.model.states import ItemState
from giornata.jobs.planning.assets import is_picture
from giornata.jobs.spec.enums import Pages
from giornata.jobs.spec.storage import HERE
from giornata.workers.encoding.pyramid import ZIP

ONE_FILE = ["0_0.jpg"]  # a Deep Zoom level that holds this alone is whole in it


def zoom_file(folder: Path) -> str:
    """The name of the .dzi or info.json in `folder`; empty where there is none."""
    if not folder.is_dir():
        return ""
    paths = [*sorted(folder.glob("*.dzi")), *sorted(folder.glob("info.json"))]
    return paths[0].name if paths else ""


def whole_file(folder: Path, *, side_px: int) -> Path | None:
    """A JPEG in `folder` of the whole image: the smallest that fills `side_px`, else the largest; or None.

    Deep Zoom has whole levels of up to 254 px only; IIIF lists sizes of up to 2048 px.
    """
    candidates = sorted((*_levels(folder), *_sizes(folder)))
    fitting = [path for side, path in candidates if side >= side_px] or [path for _, path in candidates[-1:]]
    return fitting[0] if fitting and inside(folder, fitting[0]) else None


def inside(folder: Path, path: Path) -> bool:
    """Whether `path` is a file in `folder`, and no link that leads out of it."""
    real = Path(os.path.realpath(path))
    return real.is_relative_to(os.path.realpath(folder)) and real.is_file()


def _levels(folder: Path) -> list[tuple[int, Path]]:
    """The longest side that each level of one file may have, and the file."""
    levels = []
    for level in folder.glob("*_files/[0-9]*"):
        if level.name.isdigit() and [path.name for path in level.glob("*")] == ONE_FILE:
            levels.append((2 ** min(int(level.name), 30), level / ONE_FILE[0]))
    return levels


def _sizes(folder: Path) -> list[tuple[int, Path]]:
    sizes = []
    for path in folder.glob("full/*,*/0/default.jpg"):
        width, _, height = path.parent.parent.name.partition(",")
        if width.isdigit() and height.isdigit():
            sizes.append((max(int(width), int(height)), path))
    return sizes


class Side(StrEnum):
    """Which image of an item."""

    SOURCE = "source"
    RESULT = "result"


def page_of(job_service: JobService, item: ItemView, side: Side) -> int | None:
    """The full-size page of an item's source; None unless every page has an item of its own."""
    if side is Side.RESULT or job_service.store.jobs.get(item.job_id).spec.render.pages is not Pages.ALL:
        return None
    return job_service.store.items.task(item.job_id, item.item_id).page


def image_of(
    job_service: JobService, item: ItemView, side: Side, *, side_px: int
) -> Path | RemoteImage | None:
    """The image for a square of `side_px`, None without one; a target is only ours once delivered."""
    if side is Side.RESULT and item.state not in (ItemState.DONE, ItemState.SKIPPED):
        return None
    name = item.source if side is Side.SOURCE else item.target
    if is_url(name):
        mark = item.content_key if side is Side.SOURCE else item.sha256 or str(item.finished_at)
        tiles = side is Side.RESULT and not is_picture(name)
        return RemoteImage(
            name, mark, job_service.store.jobs.get(item.job_id).spec.storage.reach, tiles=tiles
        )
    path = Path(name)
    if side is Side.RESULT and path.suffix == ZIP:
        return RemoteImage(name, item.sha256 or "", HERE, tiles=True)
    if side is Side.RESULT and path.is_dir():
        return whole_file(path, side_px=side_px)
    return path if side is Side.SOURCE or path.is_file() else None
