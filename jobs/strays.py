"""Pictures in a destination that no job accounts for, and records of deliveries that are not there."""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache

from giornata.jobs.folders import is_picture
from giornata.jobs.naming import SIDECAR
from giornata.jobs.places import LocalPlace, is_inside
from giornata.jobs.ports import Place
from giornata.jobs.store import JobStore

FOLDERS_IN_MIND = 10_000
SHEETS = "contact-sheets"  # a folder of ours at the destination, of pictures that are no outputs


def pictures_of_nobody(store: JobStore, folder: str, *, place: Place | None = None) -> Iterator[str]:
    """Names of pictures in `folder` and below that no job delivered or is delivering, in order.

    What is inside of a delivered folder belongs to it. Hidden files are passed over, and so is what is no
    picture by its name, such as manifests and reports; but a record goes with its picture.
    """
    is_delivered = _delivered_folders(store, folder)
    for entry in (place or LocalPlace()).list(folder):
        if is_inside(entry.name, f"{folder.rstrip('/')}/{SHEETS}"):
            continue
        told_of = entry.name.removesuffix(SIDECAR)
        if told_of == entry.name and not is_picture(entry.name):
            continue
        within = os.path.dirname(entry.name)  # noqa: PTH120 - a name in a bucket is no path
        if not is_delivered(within) and not store.owns(told_of):
            yield entry.name


def _delivered_folders(store: JobStore, outermost: str) -> Callable[[str], bool]:
    """Tells whether a folder was delivered whole, or lies in one that was."""

    @lru_cache(maxsize=FOLDERS_IN_MIND)
    def is_delivered(folder: str) -> bool:
        if not is_inside(folder, outermost):
            return False
        return is_delivered(os.path.dirname(folder)) or store.owns(folder)  # noqa: PTH120

    return is_delivered
