"""`WorkQueue` and `BoundedFolder`: pictures made one by one, newest wish first, kept while there is room."""

import asyncio
import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Generic, TypeVar

W = TypeVar("W")
Maker = Callable[[Path, W], None]  # writes the file of a wish
IDLE_S = 60.0  # without a wish, after which the thread that makes pictures ends
KEPT_SHARE = 0.8  # of what a folder may hold, after the oldest were removed


class PreviewUnavailable(Exception):
    """There is no picture of this, and asking again will not bring one."""


class WorkQueue(Generic[W]):
    """Wishes for files. Any thread may ask; one thread makes, which starts and ends with the need for it."""

    def __init__(
        self, making: Callable[[], AbstractContextManager[Maker[W]]], *, waiting: int, idle_s: float = IDLE_S
    ) -> None:
        self._making, self._waiting, self._idle_s = making, waiting, idle_s
        self._line: OrderedDict[Path, tuple[W, Future[Path]]] = OrderedDict()
        self._turn = threading.Condition()
        self._maker: threading.Thread | None = None
        self._ends = False
        self.dropped = 0

    def ask(self, target: Path, wish: W) -> "Future[Path]":
        """The file `target`, once it is made; cancelled when newer wishes leave no room for this one."""
        with self._turn:
            if target in self._line:
                self._line.move_to_end(target)
                return self._line[target][1]
            future: Future[Path] = Future()
            self._line[target] = (wish, future)
            while len(self._line) > self._waiting:
                _, (_, dropped) = self._line.popitem(last=False)
                dropped.cancel()
                self.dropped += 1
            if self._maker is None:
                self._maker = threading.Thread(target=self._make_all, name="pictures", daemon=True)
                self._maker.start()
            self._turn.notify()
        return future

    def close(self) -> None:
        """Make no more files, and end the thread that makes them."""
        with self._turn:
            self._ends = True
            self._turn.notify()
            maker = self._maker
        if maker is not None:
            maker.join()

    def _next(self) -> tuple[Path, W, "Future[Path]"] | None:
        """The newest wish: that is what somebody looks at. None after `idle_s` without any, or at the end."""
        with self._turn:
            while not self._line and not self._ends:
                if not self._turn.wait(self._idle_s) and not self._line:
                    self._maker = None
                    return None
            if self._ends:
                self._maker = None
                return None
            target, (wish, future) = self._line.popitem()
            return target, wish, future

    def _make_all(self) -> None:
        with self._making() as make:
            while (entry := self._next()) is not None:
                target, wish, future = entry
                if future.set_running_or_notify_cancel():
                    try:
                        make(target, wish)
                        future.set_result(target)
                    except Exception as error:
                        future.set_exception(error)


async def in_time(wish: "Future[Path]", wait_s: float) -> Path | None:
    """The file of a wish; None when it is not made yet or was dropped. Raises `PreviewUnavailable`."""
    outcome = asyncio.wrap_future(wish)
    # Nobody may wait for it any more.
    outcome.add_done_callback(lambda future: future.cancelled() or future.exception())
    try:
        return await asyncio.wait_for(asyncio.shield(outcome), wait_s)
    except (TimeoutError, asyncio.CancelledError):
        return None


class BoundedFolder:
    """Files below a folder, the oldest of which go when they become too many. Any thread may use it."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.folder, self._most_bytes = folder, most_bytes
        self._bytes: int | None = None
        self._turn = threading.Lock()

    def place(self, key: str) -> Path:
        """Where the file called `key` lies."""
        return self.folder / key[:2] / f"{key}.jpg"

    def found(self, key: str) -> "Future[Path] | None":
        """A future that is done: of the file, or of its refusal; None for a file not made yet."""
        place = self.place(key)
        future: Future[Path] = Future()
        if place.exists():
            with contextlib.suppress(OSError):
                os.utime(place)  # the oldest go first
            future.set_result(place)
            return future
        if place.with_suffix(".none").exists():
            future.set_exception(PreviewUnavailable(key))
            return future
        return None

    def count(self, more: int) -> None:
        """A file of this size was put in."""
        with self._turn:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._kept())
            self._bytes += more
            if self._bytes > self._most_bytes:
                self._bytes = self._clear()

    def _clear(self) -> int:
        """Remove the oldest; how many bytes are left."""
        entries = sorted(self._kept())
        left = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if left <= self._most_bytes * KEPT_SHARE:
                break
            path.unlink(missing_ok=True)
            left -= size
        return left

    def _kept(self) -> list[tuple[float, int, Path]]:
        entries = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                # A remembered refusal has no bytes, and is forgotten in its turn.
                entries.append((facts.st_mtime, facts.st_size or 1, path))
        return entries
