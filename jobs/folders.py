"""A job's destination, and what is below it, one by one, however much there is."""

import os
from collections.abc import Iterable, Iterator

from giornata.jobs.asset import located
from giornata.jobs.patterns import has_picture_suffix
from giornata.jobs.places import base_name, is_inside, is_url
from giornata.jobs.records import JobRecord

HIDDEN = "."


def destination_of(record: JobRecord) -> str:
    """The folder or prefix a job delivers to, the way its targets spell it: absolute, links resolved."""
    place = located(record.spec.destination, base=record.base)
    return place if is_url(place) else os.path.realpath(place)


def outermost(folders: Iterable[str]) -> Iterator[str]:
    """These folders in order, each once, without those inside of others."""
    kept: list[str] = []
    for folder in sorted(set(folders)):
        # Sorted, a folder comes before all that is inside of it.
        if not any(is_inside(folder, other) for other in kept):
            kept.append(folder)
            yield folder


def is_picture(name: str) -> bool:
    """Whether a name is one of a visible picture."""
    last = base_name(name)
    return not last.startswith(HIDDEN) and has_picture_suffix(last)
