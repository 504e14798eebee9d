"""`WorkQueue` and `BoundedFolder`: images made one by one, newest request first, kept while there is room."""

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

R = TypeVar("R")
Maker = Callable[[Path, R], None]  # writes the file of a request
IDLE_S = 60.0  # without a request, after which the thread that makes images ends
KEPT_SHARE = 0.8  # of what a folder may hold, after the oldest were removed


class PreviewUnavailable(Exception):
    """The preview cannot be made; asking again does not help."""


class WorkQueue(Generic[R]):
    """Requests for files. Any thread may ask; one thread, started when it is needed, makes them."""

    def __init__(
        self, making: Callable[[], AbstractContextManager[Maker[R]]], *, waiting: int, idle_s: float = IDLE_S
    ) -> None:
        self._making, self._waiting, self._idle_s = making, waiting, idle_s
        self._queue: OrderedDict[Path, tuple[R, Future[Path]]] = OrderedDict()
        self._turn = threading.Condition()
        self._maker: threading.Thread | None = None
        self._ends = False
        self.dropped = 0

    def ask(self, target: Path, request: R) -> "Future[Path]":
        """The file `target`, once it is made; cancelled when newer requests leave no room for this one."""
        with self._turn:
            if target in self._queue:
                self._queue.move_to_end(target)
                return self._queue[target][1]
            future: Future[Path] = Future()
            self._queue[target] = (request, future)
            while len(self._queue) > self._waiting:
                _, (_, dropped) = self._queue.popitem(last=False)
                dropped.cancel()
                self.dropped += 1
            if self._maker is None:
                self._maker = threading.Thread(target=self._work, name="images", daemon=True)
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

    def _next(self) -> tuple[Path, R, "Future[Path]"] | None:
        """The newest request, which somebody looks at; None after `idle_s` without any, or at the end."""
        with self._turn:
            while not self._queue and not self._ends:
                if not self._turn.wait(self._idle_s) and not self._queue:
                    self._maker = None
                    return None
            if self._ends:
                self._maker = None
                return None
            target, (request, future) = self._queue.popitem()
            return target, request, future

    def _work(self) -> None:
        with self._making() as make:
            while (entry := self._next()) is not None:
                target, request, future = entry
                if future.set_running_or_notify_cancel():
                    try:
                        make(target, request)
                        future.set_result(target)
                    except Exception as error:
                        future.set_exception(error)


async def in_time(future: "Future[Path]", wait_s: float) -> Path | None:
    """The file of a request; None when it is not made yet or was dropped. Raises `PreviewUnavailable`."""
    outcome = asyncio.wrap_future(future)
    # Nobody may wait for it any more.
    outcome.add_done_callback(lambda waited: waited.cancelled() or waited.exception())
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

    def path_of(self, key: str) -> Path:
        """Where the file called `key` lies."""
        return self.folder / key[:2] / f"{key}.jpg"

    def lookup(self, key: str) -> "Future[Path] | None":
        """A future that is done: of the file, or of its refusal; None for a file not made yet."""
        path = self.path_of(key)
        future: Future[Path] = Future()
        if path.exists():
            with contextlib.suppress(OSError):
                os.utime(path)  # the oldest go first
            future.set_result(path)
            return future
        if path.with_suffix(".none").exists():
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
