"""`InputCache`: what a task reads from buckets, brought to scratch once for all workers of this machine.

The renderer then works on local files of the same names, and what it says of them is told in the names
people know.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from giornata.jobs.model.paths import base_name, is_url
from giornata.jobs.model.task import RenderTask
from giornata.workers.errors import RenderError, ScratchFull
from giornata.workers.storage.router import StorageRouter

KEPT_BYTES = 20 << 30  # of fetched files; beyond that the longest unused go
IN_USE_S = 900.0  # files that were fetched or used so recently may be being read
SPARE_BYTES = 1 << 28  # of the disk, for everybody else


class InputCache:
    """Fetches into `root`, which the processes of one machine share."""

    def __init__(self, root: Path, stores: StorageRouter, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._root, self._stores, self._kept_bytes = root, stores, kept_bytes
        self._names: dict[str, str] = {}

    def local(self, task: RenderTask) -> RenderTask:
        """The same task on local files. Raises `StorageError`, `ScratchFull`."""

        def near(name: str | None) -> str | None:
            return str(self._fetched(task, name)) if name and is_url(name) else name

        masks = task.masks
        if not any(is_url(name) for name in task.reads):
            return task
        return task.model_copy(
            update={
                "source": near(task.source),
                "reference": near(task.reference),
                "masks": masks.model_copy(
                    update={"protect": near(masks.protect), "apply": near(masks.apply)}
                ),
                "regions": tuple(
                    region.model_copy(update={"mask": near(region.mask)}) for region in task.regions
                ),
                **self._near_styles(task),
            }
        )

    def with_styles(self, task: RenderTask) -> RenderTask:
        """The task with its style images as local files, for a worker on tiles that are decoded already."""
        return task.model_copy(update=self._near_styles(task))

    def _near_styles(self, task: RenderTask) -> dict[str, object]:
        def near(name: str) -> str:
            return str(self._fetched(task, name)) if is_url(name) else name

        groups = {"optimise": task.optimise, "universal": task.universal}
        return {name: group.elsewhere(near) for name, group in groups.items() if group}

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Inside, errors about fetched files name the objects they came from."""
        try:
            yield
        except RenderError as error:
            arguments = tuple(self._names.get(str(part), part) for part in error.args)
            if arguments == error.args:
                raise
            raise type(error)(*arguments) from error

    def _fetched(self, task: RenderTask, name: str) -> Path:
        fingerprint, version = task.stamp_of(name), task.source_version if name == task.source else ""
        store = self._stores.bucket(name, task.storage)
        if not fingerprint:
            info = store.stat(name)
            fingerprint, version = (info.fingerprint, info.version) if info else ("", "")
        key = f"{task.storage.endpoint_url}\n{name}\n{fingerprint}"
        folder = self._root / hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
        path = folder / base_name(name)
        self._names[str(path)] = name
        with self._alone(folder):
            if not path.is_file():
                self._make_room(int(fingerprint.partition("-")[0] or 0), folder)
                part = folder / ".part"
                store.download(name, part, fingerprint=fingerprint, version=version)
                part.replace(path)
            os.utime(folder)  # `_make_room` removes folders that were not used lately
        return path

    @contextmanager
    def _alone(self, folder: Path) -> Iterator[None]:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_room(self, needed_bytes: int, own_folder: Path) -> None:
        folders = sorted((path for path in self._root.iterdir() if path != own_folder), key=_used_at)
        held = sum(map(_weight, folders))
        for folder in folders:
            free = shutil.disk_usage(self._root).free
            if held + needed_bytes <= self._kept_bytes and free >= needed_bytes + SPARE_BYTES:
                return
            if time.time() - _used_at(folder) > IN_USE_S:
                held -= _weight(folder)
                shutil.rmtree(folder, ignore_errors=True)
        free = shutil.disk_usage(self._root).free
        if free < needed_bytes + SPARE_BYTES:
            raise ScratchFull(str(self._root), needed_bytes + SPARE_BYTES, free)


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _weight(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue  # gone a moment ago
    return total
