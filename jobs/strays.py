"""Pictures in a destination that no job accounts for."""

from collections.abc import Iterator
from pathlib import Path

from giornata.jobs.folders import files_below, is_picture
from giornata.jobs.store import JobStore


def pictures_of_nobody(store: JobStore, folder: Path) -> Iterator[str]:
    """Paths of pictures in `folder` and below that no job delivered or is delivering, in no order.

    Hidden files are passed over, and so is what is no picture by its name, such as manifests and reports.
    """
    for entry in files_below(folder):
        if is_picture(entry.name) and not store.owns(entry.path):
            yield entry.path
