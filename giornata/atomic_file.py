"""`atomic_write`: a file or a folder that is there whole or not at all, whatever ends the process."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What garbage collection takes for ours in a destination; the dot after the process's number keeps it apart
# from the names of attempts.
PART_NAME = ".giornata-{pid}.{token}.part"


@contextmanager
def atomic_write(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a free name beside `path` to write a file or a folder to, which takes the name `path` at the end.

    A file that was there is replaced, a folder only when it is empty. After an error `path` is as it was, and
    what was written is gone. A `durable` file is on the disk before it takes its name. Raises `OSError`.
    """
    part = path.with_name(PART_NAME.format(pid=os.getpid(), token=secrets.token_hex(6)))
    try:
        yield part
        if durable:
            _sync(part)
        part.replace(path)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
