"""Pictures in a destination that no job accounts for."""

from collections.abc import Iterator

from giornata.jobs.folders import is_picture
from giornata.jobs.places import LocalPlace
from giornata.jobs.ports import Place
from giornata.jobs.store import JobStore


def pictures_of_nobody(store: JobStore, folder: str, *, place: Place | None = None) -> Iterator[str]:
    """Names of pictures in `folder` and below that no job delivered or is delivering, in order.

    Hidden files are passed over, and so is what is no picture by its name, such as manifests and reports.
    """
    for entry in (place or LocalPlace()).list(folder):
        if is_picture(entry.name) and not store.owns(entry.name):
            yield entry.name
