"""`Ahead`: tasks, and what stands at their targets already, asked for many at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from giornata.jobs.places import is_url
from giornata.jobs.ports import Entry
from giornata.jobs.task import RenderTask

AT_ONCE = 500  # a listing of a bucket answers for a thousand; tasks are held until their answer is there


class Heads(Protocol):
    """Knows what stands at names."""

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """See `Place.heads`."""


class Ahead:
    """Passes tasks on in order. What stands at their targets is looked up when the first one is asked for."""

    def __init__(self, tasks: Iterable[RenderTask], files: Heads) -> None:
        self._tasks, self._files = iter(tasks), files
        self._some: list[RenderTask] = []
        self._found: dict[str, Entry | None] | None = None

    def __iter__(self) -> Iterator[RenderTask]:
        for first in self._tasks:
            # A disk answers at once, so nothing has to be held for it.
            more = islice(self._tasks, AT_ONCE - 1) if is_url(first.target) else ()
            self._some, self._found = [first, *more], None
            yield from self._some

    def head(self, target: str) -> Entry | None:
        """What stands at the target of a task that has just been passed on."""
        if self._found is None:
            names = [task.target for task in self._some]
            self._found = dict(zip(names, self._files.heads(names), strict=True))
        return self._found[target]
