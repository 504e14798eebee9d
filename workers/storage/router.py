"""`StorageRouter`: local disks and buckets by their names; one client for each storage."""

import threading
from collections.abc import Callable

from giornata.jobs.errors import UnsupportedUrl
from giornata.jobs.manager.timing import Retrying, at_once
from giornata.jobs.model.paths import is_url, wrong_url
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.storage.base import ObjectStore
from giornata.jobs.storage.local import LocalStore
from giornata.workers.storage.s3_store import S3Store


class StorageRouter:
    """The `StoreFinder` of a process that may speak to buckets; `tick` is called as bytes move.

    `ask` makes the requests that only read: for a program that nothing else waits for, it repeats them.
    """

    def __init__(self, *, tick: Callable[[], None] = lambda: None, ask: Retrying = at_once) -> None:
        self._tick, self._ask = tick, ask
        self._lock = threading.Lock()
        self._buckets: dict[Storage, S3Store] = {}

    def at(self, name: str, storage: Storage = HERE) -> ObjectStore:
        """See `StoreFinder.at`. Raises `StorageAccessDenied` when there is no way to log in."""
        return self.bucket(name, storage) if is_url(name) else LocalStore()

    def bucket(self, name: str, storage: Storage) -> S3Store:
        """The store of an object. Raises `UnsupportedUrl`, `StorageError`."""
        if reason := wrong_url(name):
            raise UnsupportedUrl(name, reason)
        reach = storage.reach
        with self._lock:  # clients take a moment to make, and are shared by threads
            if reach not in self._buckets:
                self._buckets[reach] = S3Store(reach, tick=self._tick, ask=self._ask)
            return self._buckets[reach]
