"""Which picture stands for an item: its file, a level of a delivered pyramid, or an object in a bucket."""

from enum import StrEnum
from pathlib import Path

from giornata.cluster.service.desk import Desk
from giornata.cluster.service.pages.previews import Far
from giornata.cluster.service.pages.pyramid import whole_file
from giornata.cluster.service.views_items import ItemView
from giornata.jobs.model.paths import is_url
from giornata.jobs.model.states import ItemState
from giornata.jobs.planning.assets import is_picture
from giornata.jobs.spec.enums import Pages
from giornata.jobs.spec.storage import HERE
from giornata.workers.encoding.pyramid import ZIP


class Side(StrEnum):
    """Which picture of an item."""

    SOURCE = "source"
    RESULT = "result"


def page_of(desk: Desk, item: ItemView, side: Side) -> int | None:
    """The full-size page of the source that an item is made from, where every page has an item of its own."""
    if side is Side.RESULT or desk.store.job(item.job_id).spec.render.pages is not Pages.ALL:
        return None
    return desk.store.task(item.job_id, item.item_id).page


def picture_of(desk: Desk, item: ItemView, side: Side, *, side_px: int) -> Path | Far | None:
    """What to show in a square of `side_px`; a target is only ours once it is delivered."""
    if side is Side.RESULT and item.state not in (ItemState.DONE, ItemState.SKIPPED):
        return None
    name = item.source if side is Side.SOURCE else item.target
    if is_url(name):
        mark = item.content_key if side is Side.SOURCE else item.sha256 or str(item.finished_at)
        tiles = side is Side.RESULT and not is_picture(name)
        return Far(name, mark, desk.store.job(item.job_id).spec.storage.reach, tiles=tiles)
    path = Path(name)
    if side is Side.RESULT and path.suffix == ZIP:
        return Far(name, item.sha256 or "", HERE, tiles=True)
    if side is Side.RESULT and path.is_dir():
        return whole_file(path, side_px=side_px)
    return path if side is Side.SOURCE or path.is_file() else None
