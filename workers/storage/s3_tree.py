"""Deliverables in a bucket: an object, or a folder of many, with one hash and one size as on a disk."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from giornata.jobs.model.paths import companion_names, companions_of
from giornata.jobs.planning.assets import has_picture_suffix
from giornata.jobs.storage.base import ObjectInfo
from giornata.jobs.storage.hashing import tree_files
from giornata.workers.storage.s3_store import S3Store

AT_ONCE = 8
ZIP = ".zip"
T = TypeVar("T")
R = TypeVar("R")


def send_deliverable(store: S3Store, path: Path, name: str, **headers: Any) -> None:
    """Send a file, or a folder as many objects, and what lies beside it. Raises `StorageError`."""
    if path.is_dir():
        files = [(file, f"{name}/{file.relative_to(path).as_posix()}") for file in tree_files(path)]
        each(lambda pair: store.send(*pair, **headers), files)
    else:
        store.send(path, name, **headers)
    for companion, companion_name in zip(companions_of(path), companion_names(name), strict=True):
        if companion.is_file():
            store.send(companion, companion_name, **headers)


def seems_a_folder(name: str) -> bool:
    """Whether a deliverable is a folder, as far as its name tells: those seldom end like files."""
    return not has_picture_suffix(name) and not name.lower().endswith(ZIP)


def tree(store: S3Store, name: str) -> list[ObjectInfo]:
    """All objects of a folder, as `tree_files` orders them, which is as keys are listed."""
    return list(store.list(name, hidden=True))


def stat_deliverable(store: S3Store, name: str) -> ObjectInfo | None:
    """A deliverable's size and time, without reading it; None if there is none. Raises `StorageError`."""
    info = store.stat(name)
    if info is not None:
        return info
    inside = tree(store, name)
    if not inside:
        return None
    return ObjectInfo(name, sum(entry.bytes for entry in inside), max(entry.changed_at for entry in inside))


def stat_deliverables(store: S3Store, names: Sequence[str]) -> Sequence[ObjectInfo | None]:
    """The facts of many deliverables; only names that seem to be folders' are looked for as folders."""
    infos = store.stat_many(names)
    return [
        seen or (stat_deliverable(store, name) if seems_a_folder(name) else None)
        for name, seen in zip(names, infos, strict=True)
    ]


def deliverable_sha256(store: S3Store, name: str) -> str:
    """The hash of a deliverable, all of which is read now. Raises `StorageError`."""
    inside = tree(store, name) if store.stat(name) is None else []
    if not inside:
        return store.sha256(name)
    digest = hashlib.sha256()
    for entry, sha256 in zip(inside, each(lambda item: store.sha256(item.name), inside), strict=True):
        relative = entry.name[len(name) + 1 :]
        digest.update(f"{sha256}  {relative}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def each(act: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Results of `act` for each item, several at once; the first error is raised when all have ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, items))
