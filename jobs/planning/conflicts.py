"""Conflicts of targets: two outputs with one name, an output over a source, a file that is not ours.

Memory does not grow with the number of names; existing targets are looked up many at once.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Self

from giornata.jobs.model.paths import fold, is_url
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import OnExisting
from giornata.jobs.storage.base import ObjectInfo, Publisher

CACHE_KIB = 16_384  # what the index may hold in memory; the rest goes to a temporary file


class TargetIndex:
    """The names seen so far, case-folded and NFC, in a database without a name that goes away on close."""

    def __init__(self) -> None:
        self._names = sqlite3.connect("", isolation_level=None)
        self._names.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._names.execute("PRAGMA journal_mode = OFF")
        self._names.execute("CREATE TABLE target (key BLOB PRIMARY KEY, by TEXT NOT NULL) WITHOUT ROWID")
        self._names.execute("CREATE TABLE source (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._names.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._names.close()

    def add_source(self, source: str) -> str | None:
        """Note a picture that is read; the description of the target that would overwrite it, if any.

        A picture that was noted before is not looked at again.
        """
        added = self._names.execute("INSERT OR IGNORE INTO source VALUES (?)", (_key(source),))
        return self._taken_by(source) if added.rowcount else None

    def add_target(self, target: str, *, by: str) -> str | None:
        """Note a target; its conflict in words, or None. `by` describes the task that asks for it."""
        if self._names.execute("SELECT 1 FROM source WHERE key = ?", (_key(target),)).fetchone():
            return "a source picture"
        earlier = self._taken_by(target)
        if earlier is None:
            self._names.execute("INSERT INTO target VALUES (?, ?)", (_key(target), by))
        return earlier

    def _taken_by(self, name: str) -> str | None:
        row = self._names.execute("SELECT by FROM target WHERE key = ?", (_key(name),)).fetchone()
        return str(row[0]) if row else None


def _key(name: str) -> bytes:
    return hashlib.blake2b(fold(name).encode(), digest_size=16).digest()


def name_conflict(task: RenderTask, index: TargetIndex) -> str | None:
    """Note the names of `task` in `index`; their conflict in words, or None."""
    taker = index.add_source(task.source)
    if taker:
        return f"the output of {taker} would overwrite it"
    earlier = index.add_target(task.target, by=f"{task.source} in style {task.style_label}")
    if earlier is None:
        return None
    return f"{task.target} in style {task.style_label} falls on {earlier}; change the template or a label"


def existing_conflict(task: RenderTask, on_existing: OnExisting, *, is_ours: bool) -> str | None:
    """The conflict of `task` with the file at its target; None when that may be kept or replaced."""
    if not is_ours:
        return foreign_file(task)
    return own_file(task) if on_existing is OnExisting.FAIL else None


def foreign_file(task: RenderTask) -> str:
    """The message about a file at the target that was not made here."""
    return f"{task.target} exists and was not made here; move it or choose another destination"


def own_file(task: RenderTask) -> str:
    """The message about an output of ours that a job asks to fail for."""
    return f"{task.target} exists and on_existing is {OnExisting.FAIL}"


AT_ONCE = 500  # a listing of a bucket answers for a thousand; tasks are held until their answer is there


class PrefetchedTargets:
    """Passes tasks on in order. The files at their targets are looked up when the first is asked for."""

    def __init__(self, tasks: Iterable[RenderTask], files: Publisher) -> None:
        self._tasks, self._files = iter(tasks), files
        self._some: list[RenderTask] = []
        self._found: dict[str, ObjectInfo | None] | None = None

    def __iter__(self) -> Iterator[RenderTask]:
        for first in self._tasks:
            # A disk answers at once, so nothing has to be held for it.
            more = islice(self._tasks, AT_ONCE - 1) if is_url(first.target) else ()
            self._some, self._found = [first, *more], None
            yield from self._some

    def stat(self, target: str) -> ObjectInfo | None:
        """The file or object at the target of a task that has just been passed on."""
        if self._found is None:
            names = [task.target for task in self._some]
            self._found = dict(zip(names, self._files.stat_many(names), strict=True))
        return self._found[target]
