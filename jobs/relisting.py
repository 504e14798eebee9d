"""`Relisted`: tasks of a job that was listed before, and what it knows of them, asked for many at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from giornata.jobs.task import RenderTask

AT_ONCE = 500  # a query each takes as long as making the task

Keys = Callable[[Sequence[str]], Mapping[str, str]]


class Relisted:
    """Passes tasks on in order; `keys` gives the content keys of those items that are known already.

    Whoever reads ahead may ask for tasks of the last `AT_ONCE` that were passed on, or more.
    """

    def __init__(self, tasks: Iterable[RenderTask], keys: Keys) -> None:
        self._tasks, self._keys = iter(tasks), keys
        self._before: Mapping[str, str] = {}
        self._now: Mapping[str, str] = {}

    def __iter__(self) -> Iterator[RenderTask]:
        while some := list(islice(self._tasks, AT_ONCE)):
            self._before, self._now = self._now, self._keys([task.item_id for task in some])
            yield from some

    def key(self, item_id: str) -> str | None:
        """The content key of an item the job has; nothing when it is new."""
        return self._now.get(item_id) or self._before.get(item_id)
