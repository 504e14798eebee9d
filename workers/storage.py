"""Puts finished deliverables under their final names, once and whole, and clears away what attempts left.

A deliverable is a file, or a folder that is renamed as one. Its companions, a record and a signed manifest,
go to their own names just before.
"""

import errno
import os
import shutil
from collections.abc import Container
from pathlib import Path

from giornata.jobs.model.paths import ATTEMPT, companions_of
from giornata.workers.errors import TargetRefused

# What file systems say that know no hard links: FAT, some network disks and containers' bind mounts.
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)


def publish(temporary: Path, target: Path, *, replace: bool) -> None:
    """Moves `temporary`, a file or a folder, to `target` beside it, atomically and durably.

    The companions beside `temporary`, if there are any, take their places beside `target` just before. Never
    over what exists, unless `replace` is true. Doing it again after a crash half way is safe: a target that
    is already this very file counts as done.

    Raises `TargetRefused`; then `temporary` is still there.
    """
    try:
        if not replace and os.path.lexists(target) and not _is_same(temporary, target):
            raise FileExistsError
        for ours, final in zip(companions_of(temporary), companions_of(target), strict=True):
            _publish_companion(ours, final)
        if temporary.is_dir():
            _move_folder(temporary, target, replace=replace)
        elif replace:
            _make_way(target, only_folders=True)
            temporary.replace(target)
        else:
            _move_without_clobbering(temporary, target)
        _sync_folder(target.parent)
    except FileExistsError as error:
        raise TargetRefused(str(target), "a file of that name exists and is left as it is") from error
    except OSError as error:
        raise TargetRefused(str(target), error.strerror or str(error)) from error


def discard(temporary: Path, target: Path) -> None:
    """Removes an attempt and its companions, and those at final names that got there before a crash.

    They are only ever beside their deliverable, so one without was on its way.
    """
    remove(temporary)
    for place in (temporary,) if os.path.lexists(target) else (temporary, target):
        for companion in companions_of(place):
            companion.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Removes a file or a whole folder; fine when there is nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_same(temporary: Path, target: Path) -> bool:
    return temporary.is_file() and target.exists() and target.samefile(temporary)


def _publish_companion(ours: Path, final: Path) -> None:
    if ours.is_file():
        ours.replace(final)
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
    """For file systems without links: whoever creates the empty target owns the name, then fills it."""
    target.touch(exist_ok=False)
    temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, *, items: Container[str] | None = None) -> list[Path]:
    """Removes what unfinished attempts left in `folder` and below; returns the removed paths.

    `items` limits it to these items' attempts: two batches may share a destination.
    """
    removed = []
    for path in sorted(folder.rglob(".giornata-*")):
        name = ATTEMPT.fullmatch(path.name)
        if name and (items is None or name["item"] in items):
            remove(path)
            removed.append(path)
    return removed
