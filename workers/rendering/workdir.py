"""Where one picture is worked on: a folder of its own, which for a large picture outlives the process.

A lasting folder is named by its item and what was asked for, and belongs to one process at a time. When that
process is gone, the next one that renders the same goes on where it stopped.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from giornata import __version__ as VERSION
from giornata.atomic_file import atomic_write
from giornata.jobs.maintenance.gc import OWNER
from giornata.jobs.model.task import RenderTask
from giornata.process import ProcessIdentity, boot_id, process_identity

KEY_DIGITS = 12


@dataclass(frozen=True)
class WorkDirs:
    """The lasting folders below `root`; `pid` is the process that owns what is entered here."""

    root: Path
    pid: int

    def enter(self, task: RenderTask, fingerprint: str) -> Path | None:
        """The folder of `task`, now ours; None when another living process has it.

        Its files were made for the same `fingerprint`; all others have been removed.
        """
        folder = self.root / folder_name(task)
        with self._alone():
            owner = _owner(folder)
            if owner.get("pid") != self.pid and is_running(owner):
                return None
            if owner and owner.get("fingerprint") != fingerprint:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            record = {"item_id": task.item_id, "target": task.target, "fingerprint": fingerprint}
            identity = process_identity(self.pid) or ProcessIdentity(self.pid, boot_id(), started="gone")
            with atomic_write(folder / OWNER) as part:
                part.write_text(json.dumps({**asdict(identity), **record}))
        return folder

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def fingerprint_of(task: RenderTask, *made_with: str) -> str:
    """Hexadecimal digits that change with all that the work on `task` depends on, files' times among it.

    The start of the machine is part of it: files that were being written when the power failed may be torn.
    """
    masks = (task.masks.protect, task.masks.apply, *(region.mask for region in task.regions))
    read = [_stamp(path) for path in (task.source, task.reference, *masks) if path]
    tiles = f"{task.tile_px} {task.overlap_px}"
    parts = (task.content_key(), tiles, *read, *made_with, torch.__version__, VERSION, boot_id())
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _stamp(path: str) -> str:
    try:
        facts = Path(path).stat()
    except OSError:
        return path  # reading it will raise the error
    return f"{path} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}"


def folder_name(task: RenderTask) -> str:
    """The folder name of item and content; the item comes first, so that all its folders can be found."""
    return f"{task.item_id}-{task.content_key()[:KEY_DIGITS]}"


def is_running(owner: dict[str, object]) -> bool:
    """Whether the process that wrote this `owner.json` is alive: the same one, since the same start."""
    identity = process_identity(int(str(owner["pid"]))) if "pid" in owner else None
    return identity is not None and asdict(identity).items() <= owner.items()


def _owner(folder: Path) -> dict[str, object]:
    try:
        owner: dict[str, object] = json.loads((folder / OWNER).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return owner
