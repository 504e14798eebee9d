"""A job's destination folder and the files below it, one by one, however many there are."""

import os
from collections.abc import Iterator
from pathlib import Path

from giornata.jobs.inputs import PICTURE_SUFFIXES, absolute
from giornata.jobs.records import JobRecord

HIDDEN = "."


def destination_of(record: JobRecord) -> Path:
    """The folder a job delivers to, the way its targets spell it: absolute, links resolved."""
    return Path(os.path.realpath(absolute(record.spec.destination, base=record.base)))


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file in `folder` and below, in no order.

    Hidden and linked folders are not entered: nothing is delivered there. A folder that cannot be read is
    passed over.
    """
    waiting = [str(folder)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry
                elif not entry.name.startswith(HIDDEN):
                    waiting.append(entry.path)


def is_picture(name: str) -> bool:
    """Whether a file name is one of a visible picture."""
    return not name.startswith(HIDDEN) and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122
