"""`Previews`: small JPEGs of pictures in a bounded folder, made one by one in the decoding process."""

import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from giornata.cluster.dashboard.work_queue import BoundedFolder, Maker, PreviewUnavailable, WorkQueue
from giornata.jobs.errors import StorageError
from giornata.jobs.spec.enums import Pages
from giornata.jobs.spec.storage import Storage
from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.decoding.remote_header import PartialFile, copy_level
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.encoding.pyramid import small_copy
from giornata.workers.errors import RenderError, WorkerBug
from giornata.workers.storage.router import StorageRouter

MOST_BYTES = 512 * 1024**2
FETCHED_BYTES = 256 * 1024**2  # of one object; a larger one is not fetched for a preview
WAITING = 96  # pictures in line; older wishes are dropped, an open page asks again


class PreviewSize(StrEnum):
    """How large a preview is wanted."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"

    @property
    def side_px(self) -> int:
        """The side of the square it fits into."""
        return {PreviewSize.SMALL: 192, PreviewSize.MEDIUM: 800, PreviewSize.LARGE: 2400}[self]


@dataclass(frozen=True)
class Far:
    """A picture in a bucket, or one of `tiles` in a folder or zip; `mark` changes when its bytes do."""

    name: str
    mark: str
    storage: Storage
    tiles: bool = False


Wish = tuple[Path | Far, int | None, int]


class Previews:
    """The previews of one service; any thread may ask. Buckets are read with the service's credentials."""

    def __init__(
        self,
        folder: Path,
        places: StorageRouter | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        waiting: int = WAITING,
    ) -> None:
        self._kept = BoundedFolder(folder, most_bytes=most_bytes)
        self._places = places or StorageRouter()
        self.line: WorkQueue[Wish] = WorkQueue(self._making, waiting=waiting)
        # Of its own: a bucket that does not answer keeps nobody waiting for what lies on disk.
        self.far_line: WorkQueue[Wish] = WorkQueue(self._making, waiting=waiting)

    def ask(self, picture: Path | Far, size: PreviewSize, *, page: int | None = None) -> "Future[Path]":
        """The file of a preview, now or later; of several pages the first, or full-size `page` from 0.

        A wish that is dropped is cancelled. The future raises `PreviewUnavailable` for what cannot be shown.
        """
        if isinstance(picture, Far):
            identity = (
                f"{picture.storage.endpoint_url}\n{picture.name}\n{picture.mark}\n{page}\n{size.side_px}"
            )
            return self._asked(self.far_line, identity, (picture, page, size.side_px))
        try:
            facts = picture.stat()
        except (OSError, ValueError):
            nothing: Future[Path] = Future()
            nothing.set_exception(PreviewUnavailable(str(picture)))
            return nothing
        identity = f"{picture}\n{facts.st_mtime_ns}\n{facts.st_size}\n{page}\n{size.side_px}"
        return self._asked(self.line, identity, (picture, page, size.side_px))

    @property
    def dropped(self) -> int:
        """How many wishes newer ones have pushed out."""
        return self.line.dropped + self.far_line.dropped

    def close(self) -> None:
        """End the threads and the decoding processes."""
        self.line.close()
        self.far_line.close()

    def _asked(self, line: WorkQueue[Wish], identity: str, wish: Wish) -> "Future[Path]":
        key = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return self._kept.found(key) or line.ask(self._kept.place(key), wish)

    @contextmanager
    def _making(self) -> Iterator[Maker[Wish]]:
        with Sandbox(Limits()) as sandbox:
            yield lambda target, wish: self._make(sandbox, target, *wish)

    def _make(
        self, sandbox: Sandbox, target: Path, picture: Path | Far, page: int | None, side_px: int
    ) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(6)}.part")
        fetched = temporary.with_suffix(".fetched")
        try:
            path = self._fetched(picture, fetched, page, side_px) if isinstance(picture, Far) else picture
            pages = Pages.FIRST if page is None else Pages.ALL
            reading = DecodeOptions(pages=pages, page=page, level_px=side_px)
            sandbox.thumbnail(path, temporary, side_px=side_px, reading=reading)
            self._kept.count(temporary.stat().st_size)
            temporary.replace(target)
        except WorkerBug:
            raise
        except RenderError as error:
            target.with_suffix(".none").touch()
            raise PreviewUnavailable(str(error)) from error
        finally:
            fetched.unlink(missing_ok=True)
            temporary.unlink(missing_ok=True)

    def _fetched(self, picture: Far, path: Path, page: int | None, side_px: int) -> Path:
        """The object as a file, of a pyramid the level that is shown; the rest of that file is holes.

        Raises `PreviewUnavailable`, which is not remembered: the bucket may answer next time.
        """
        try:
            place = self._places.at(picture.name, picture.storage)
            if picture.tiles:
                small = small_copy(place, picture.name, side_px=side_px)
                if small is None:
                    raise PreviewUnavailable(picture.name)
                path.write_bytes(small)
                return path
            info = place.head(picture.name)
            if info is None:
                raise PreviewUnavailable(picture.name)
            with PartialFile(place, info, path) as copy:
                if copy_level(
                    copy,
                    page=page or 0,
                    side_px=side_px,
                    most_bytes=FETCHED_BYTES,
                    source=picture.name,
                ):
                    return path
            if info.bytes > FETCHED_BYTES:
                raise PreviewUnavailable(picture.name)
            place.fetch(picture.name, path, stamp=info.stamp, version=info.version)
        except (StorageError, OSError) as error:
            raise PreviewUnavailable(str(error)) from error
        return path


def previews_in(home: Path | None, places: StorageRouter) -> Previews | None:
    """The previews of a service whose state lives in `home`."""
    return None if home is None else Previews(home / "previews", places)
