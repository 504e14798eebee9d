"""The local disk: files as an `ObjectStore`; `LocalPublisher` moves attempts to their final names once.

A deliverable is a file, or a folder that is renamed as one. Its companions, a record and a signed manifest,
go to their own names just before.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from giornata.atomic_file import atomic_write
from giornata.jobs.errors import ObjectChanged, TargetTaken, UnsupportedUrl
from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.model.paths import PREFIX, companions_of, is_url
from giornata.jobs.spec.naming import safe_component
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.storage.base import Download, ObjectInfo, ObjectStore, StoreFinder
from giornata.jobs.storage.hashing import deliverable_bytes, deliverable_sha256, tree_bytes

_HIDDEN = "."


class LocalStore:
    """An `ObjectStore` on the disks of this machine. Raises `ObjectChanged`, and the system's `OSError`."""

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`. Linked folders are not entered; one that cannot be read is passed over."""
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            return
        folders = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry)
            elif (hidden or not entry.name.startswith(_HIDDEN)) and (seen := _entry(entry)):
                yield seen
        if depth is None or depth > 1:
            for entry in folders:
                # Nothing is delivered into hidden folders, so not even hidden files are looked for there.
                if not entry.name.startswith(_HIDDEN):
                    yield from self.list(entry.path, depth=depth and depth - 1, hidden=hidden)

    def stat(self, name: str) -> ObjectInfo | None:
        """See `ObjectStore.stat`; None for a folder."""
        try:
            status = Path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return ObjectInfo(name, status.st_size, status.st_mtime, _fingerprint(status))

    def stat_many(self, names: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """See `ObjectStore.stat_many`."""
        return [self.stat(name) for name in names]

    def read(
        self,
        name: str,
        *,
        start: int = 0,
        length: int | None = None,
        fingerprint: str = "",
        version: str = "",
    ) -> bytes:
        """See `ObjectStore.read`."""
        with Path(name).open("rb") as file:
            _check_unchanged(name, os.fstat(file.fileno()), fingerprint)
            file.seek(start)
            return file.read(-1 if length is None else length)

    def download(self, name: str, path: Path, *, fingerprint: str = "", version: str = "") -> Download:
        """See `ObjectStore.download`."""
        _check_unchanged(name, Path(name).stat(), fingerprint)
        shutil.copyfile(name, path)
        with path.open("rb") as file:
            return Download(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    def upload(self, path: Path, name: str) -> None:
        """See `ObjectStore.upload`; seen whole or not at all."""
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(Path(name)) as part:
            shutil.copyfile(path, part)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        Path(name).unlink(missing_ok=True)

    def move_aside(self, name: str) -> str:
        """See `ObjectStore.move_aside`; the first free `n`."""
        path = Path(name)
        for number in count(1):
            aside = path.with_name(safe_component(f"{path.name}.damaged-{number}"))
            try:
                # The creator of the name owns it; only like is renamed over like.
                aside.mkdir() if path.is_dir() else aside.touch(exist_ok=False)
            except FileExistsError:
                continue
            return str(path.replace(aside))
        raise AssertionError

    def unfinished_uploads(self, folder: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.unfinished_uploads`: folders that attempts are still filling."""
        for parent, names, _ in os.walk(folder):
            for name in [entry for entry in names if entry.startswith(_HIDDEN)]:
                names.remove(name)
                path = Path(parent) / name
                if name.startswith(PREFIX) and (weight := _weighed(path)) is not None:
                    yield ObjectInfo(str(path), weight, path.stat().st_mtime)

    def abort_uploads(self, name: str) -> None:
        """See `ObjectStore.abort_uploads`; a disk has none."""


def _fingerprint(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _check_unchanged(name: str, status: os.stat_result, fingerprint: str) -> None:
    if fingerprint and _fingerprint(status) != fingerprint:
        raise ObjectChanged(name, "it has changed since it was looked at")


class LocalStores:
    """A `StoreFinder` that knows this machine's disks only."""

    def at(self, name: str, storage: Storage = HERE) -> ObjectStore:
        """See `StoreFinder.at`."""
        if is_url(name):
            raise UnsupportedUrl(name, "needed a local path: nothing here speaks to buckets")
        return LocalStore()


LOCAL = LocalStores()


def stat_deliverable(name: str) -> ObjectInfo | None:
    """The facts of a deliverable on a local disk, a file or a folder, without reading it."""
    path = Path(name)
    if not path.is_dir():
        return LocalStore().stat(name)
    weight = _weighed(path)
    return ObjectInfo(name, weight, path.stat().st_mtime) if weight else None  # nobody delivers an empty one


def _weighed(folder: Path) -> int | None:
    try:
        return tree_bytes(folder)
    except FileNotFoundError:
        return None  # published or removed a moment ago


def _entry(entry: os.DirEntry[str]) -> ObjectInfo | None:
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return None  # published or removed a moment ago
    return ObjectInfo(entry.path, facts.st_size, facts.st_mtime)


# What file systems say that know no hard links: FAT, some network disks and containers' bind mounts.
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)


def publish(temporary: Path, target: Path, *, replace: bool) -> None:
    """Moves `temporary`, a file or a folder, to `target` beside it, atomically and durably.

    The companions beside `temporary`, if there are any, take their places beside `target` just before. Never
    over what exists, unless `replace` is true. Doing it again after a crash half way is safe: a target that
    is already this very file counts as done.

    Raises `TargetTaken`; then `temporary` is still there.
    """
    try:
        if not replace and os.path.lexists(target) and not _is_same(temporary, target):
            raise FileExistsError
        for companion, final in zip(companions_of(temporary), companions_of(target), strict=True):
            _publish_companion(companion, final)
        if temporary.is_dir():
            _move_folder(temporary, target, replace=replace)
        elif replace:
            _make_way(target, only_folders=True)
            temporary.replace(target)
        else:
            _move_without_clobbering(temporary, target)
        _sync_folder(target.parent)
    except FileExistsError as error:
        raise TargetTaken(str(target), "a file of that name exists and is left as it is") from error
    except OSError as error:
        raise TargetTaken(str(target), error.strerror or str(error)) from error


def discard(temporary: Path, target: Path) -> None:
    """Removes an attempt and its companions, and those at final names that got there before a crash.

    They are only ever beside their deliverable, so one without was on its way.
    """
    remove(temporary)
    for path in (temporary,) if os.path.lexists(target) else (temporary, target):
        for companion in companions_of(path):
            companion.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Removes a file or a whole folder; fine when there is nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_same(temporary: Path, target: Path) -> bool:
    return temporary.is_file() and target.exists() and target.samefile(temporary)


def _publish_companion(companion: Path, final: Path) -> None:
    if companion.is_file():
        companion.replace(final)
    else:
        final.unlink(missing_ok=True)  # that of an earlier delivery would tell of another file


def _move_folder(temporary: Path, target: Path, *, replace: bool) -> None:
    """An empty folder may be renamed over, anything else may not: the system sees to it."""
    if replace:
        _make_way(target, only_folders=False)
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno in TAKEN:
            raise FileExistsError from error
        raise


def _make_way(target: Path, *, only_folders: bool) -> None:
    """Takes an earlier delivery away where the system cannot exchange it for the new one in one step.

    Under a hidden name first, since a folder is not removed at once. A crash here leaves the new one under
    its attempt's name, and the item is made again.
    """
    if not os.path.lexists(target) or (only_folders and not target.is_dir()):
        return
    aside = target.with_name(f".giornata-{os.getpid():d}-0.part")
    remove(aside)
    target.rename(aside)
    remove(aside)


def _move_without_clobbering(temporary: Path, target: Path) -> None:
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        if not target.samefile(temporary):
            raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _claim_and_replace(temporary, target)
        return
    temporary.unlink()


def _claim_and_replace(temporary: Path, target: Path) -> None:
    """For file systems without links: the creator of the empty target owns the name, then fills it."""
    target.touch(exist_ok=False)
    temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LocalPublisher:
    """Publishes files by hard link and folders by rename, in the target's own folder, records just before."""

    stores: StoreFinder = LOCAL

    def of(self, storage: Storage) -> "LocalPublisher":
        """See `Publisher.of`: itself."""
        return self

    def stat_many(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """See `Publisher.stat_many`."""
        return [stat_deliverable(target) for target in targets]

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`; the hash is the one the worker took while it held the file."""
        target, temporary = Path(claim.task.target), Path(claim.temporary)
        size = deliverable_bytes(temporary)
        if size != outcome.bytes:
            raise OSError(f"publishing {target}: {temporary.name} has {size} bytes, reported {outcome.bytes}")
        publish(temporary, target, replace=claim.replace)
        return Published(str(outcome.sha256), size)

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`."""
        with suppress(OSError):
            discard(Path(claim.temporary), Path(claim.task.target))

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        info = stat_deliverable(target)
        return None if info is None else info.bytes

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`."""
        return deliverable_sha256(Path(target))
