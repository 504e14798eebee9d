"""`Previews`: small JPEGs of pictures in a bounded folder, made one by one in the decoding process."""

import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from giornata.cluster.service.pages.line import BoundedFolder, Line, Maker, Never
from giornata.workers.errors import RenderError, WorkerBug
from giornata.workers.limits import Limits
from giornata.workers.sandbox import Sandbox

MOST_BYTES = 512 * 1024**2
WAITING = 96  # pictures in line; older wishes are dropped, whoever still looks asks again


class PreviewSize(StrEnum):
    """How large a preview is wanted."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"

    @property
    def side_px(self) -> int:
        """The side of the square it fits into."""
        return {PreviewSize.SMALL: 192, PreviewSize.MEDIUM: 800, PreviewSize.LARGE: 2400}[self]


class Previews:
    """The previews of one service; any thread may ask."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES, waiting: int = WAITING) -> None:
        self._kept = BoundedFolder(folder, most_bytes=most_bytes)
        self.line: Line[tuple[Path, int]] = Line(self._making, waiting=waiting)

    def ask(self, picture: Path, size: PreviewSize) -> "Future[Path]":
        """The file of a preview, now or later. A wish that is dropped is cancelled.

        The future raises `Never` for what cannot be shown.
        """
        try:
            facts = picture.stat()
        except (OSError, ValueError):
            nothing: Future[Path] = Future()
            nothing.set_exception(Never(str(picture)))
            return nothing
        words = f"{picture}\n{facts.st_mtime_ns}\n{facts.st_size}\n{size.side_px}"
        key = hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return self._kept.found(key) or self.line.ask(self._kept.place(key), (picture, size.side_px))

    def close(self) -> None:
        """End the thread and the decoding process."""
        self.line.close()

    @contextmanager
    def _making(self) -> Iterator[Maker[tuple[Path, int]]]:
        with Sandbox(Limits()) as sandbox:
            yield lambda target, wish: self._make(sandbox, target, *wish)

    def _make(self, sandbox: Sandbox, target: Path, picture: Path, side_px: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(6)}.part")
        try:
            sandbox.thumbnail(picture, temporary, side_px=side_px)
            self._kept.count(temporary.stat().st_size)
            temporary.replace(target)
        except WorkerBug:
            raise
        except RenderError as error:
            target.with_suffix(".none").touch()
            raise Never(str(error)) from error
        finally:
            temporary.unlink(missing_ok=True)


def previews_in(home: Path | None) -> Previews | None:
    """The previews of a service whose state lives in `home`."""
    return None if home is None else Previews(home / "previews")
