"""Puts finished files under their final names, once and whole, and clears away what attempts left."""

import errno
import os
from collections.abc import Container
from pathlib import Path

from giornata.jobs.naming import ATTEMPT
from giornata.workers.errors import TargetRefused

# What file systems say that know no hard links: FAT, some network disks and containers' bind mounts.
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def publish(temporary: Path, target: Path, *, replace: bool) -> None:
    """Moves `temporary` to `target` in the same folder, atomically and durably.

    Never over an existing file, unless `replace` is true. Doing it again after a crash half way is safe:
    a target that is already this very file counts as done.

    Raises `TargetRefused`; then `temporary` is still there.
    """
    try:
        if replace:
            temporary.replace(target)
        else:
            _move_without_clobbering(temporary, target)
        _sync_folder(target.parent)
    except FileExistsError as error:
        raise TargetRefused(str(target), "a file of that name exists and is left as it is") from error
    except OSError as error:
        raise TargetRefused(str(target), error.strerror or str(error)) from error


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
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed
