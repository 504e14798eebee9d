"""`Previews`: small JPEGs of images in a bounded folder, made one by one in the decoding process."""

import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from giornata.atomic_file import atomic_write
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
WAITING = 96  # requests in the queue; older ones are dropped, an open page asks again


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
class RemoteImage:
    """An image in a bucket, or one of `tiles` in a folder or zip; `mark` changes when its bytes do."""

    name: str
    mark: str
    storage: Storage
    tiles: bool = False


PreviewRequest = tuple[Path | RemoteImage, int | None, int]  # the image, its page, the side in px
Queue = WorkQueue[PreviewRequest]


class Previews:
    """The previews of one service; any thread may ask. Buckets are read with the service's credentials."""

    def __init__(
        self,
        folder: Path,
        stores: StorageRouter | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        waiting: int = WAITING,
    ) -> None:
        self._kept = BoundedFolder(folder, most_bytes=most_bytes)
        self._stores = stores or StorageRouter()
        self.queue: Queue = WorkQueue(self._making, waiting=waiting)
        # Of its own: a bucket that does not answer keeps nobody waiting for what lies on disk.
        self.remote_queue: Queue = WorkQueue(self._making, waiting=waiting)

    def ask(self, image: Path | RemoteImage, size: PreviewSize, *, page: int | None = None) -> "Future[Path]":
        """The file of a preview, now or later; of several pages the first, or full-size `page` from 0.

        A request that is dropped is cancelled. The future raises `PreviewUnavailable` for what has none.
        """
        if isinstance(image, RemoteImage):
            identity = f"{image.storage.endpoint_url}\n{image.name}\n{image.mark}\n{page}\n{size.side_px}"
            return self._asked(self.remote_queue, identity, (image, page, size.side_px))
        try:
            facts = image.stat()
        except (OSError, ValueError):
            nothing: Future[Path] = Future()
            nothing.set_exception(PreviewUnavailable(str(image)))
            return nothing
        identity = f"{image}\n{facts.st_mtime_ns}\n{facts.st_size}\n{page}\n{size.side_px}"
        return self._asked(self.queue, identity, (image, page, size.side_px))

    @property
    def dropped(self) -> int:
        """How many requests newer ones have pushed out."""
        return self.queue.dropped + self.remote_queue.dropped

    def close(self) -> None:
        """End the threads and the decoding processes."""
        self.queue.close()
        self.remote_queue.close()

    def _asked(self, queue: Queue, identity: str, request: PreviewRequest) -> "Future[Path]":
        key = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return self._kept.lookup(key) or queue.ask(self._kept.path_of(key), request)

    @contextmanager
    def _making(self) -> Iterator[Maker[PreviewRequest]]:
        with Sandbox(Limits()) as sandbox:
            yield lambda target, request: self._make(sandbox, target, *request)

    def _make(
        self, sandbox: Sandbox, target: Path, image: Path | RemoteImage, page: int | None, side_px: int
    ) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        fetched = target.with_name(f".{secrets.token_hex(6)}.fetched")
        try:
            path = self._fetched(image, fetched, page, side_px) if isinstance(image, RemoteImage) else image
            pages = Pages.FIRST if page is None else Pages.ALL
            reading = DecodeOptions(pages=pages, page=page, level_px=side_px)
            with atomic_write(target) as part:
                sandbox.thumbnail(path, part, side_px=side_px, reading=reading)
                self._kept.count(part.stat().st_size)
        except WorkerBug:
            raise
        except RenderError as error:
            target.with_suffix(".none").touch()
            raise PreviewUnavailable(str(error)) from error
        finally:
            fetched.unlink(missing_ok=True)

    def _fetched(self, image: RemoteImage, path: Path, page: int | None, side_px: int) -> Path:
        """The object as a file, of a pyramid the level that is shown; the rest of that file is holes.

        Raises `PreviewUnavailable`, which is not remembered: the bucket may answer next time.
        """
        try:
            store = self._stores.at(image.name, image.storage)
            if image.tiles:
                small = small_copy(store, image.name, side_px=side_px)
                if small is None:
                    raise PreviewUnavailable(image.name)
                path.write_bytes(small)
                return path
            info = store.stat(image.name)
            if info is None:
                raise PreviewUnavailable(image.name)
            with PartialFile(store, info, path) as copy:
                if copy_level(
                    copy,
                    page=page or 0,
                    side_px=side_px,
                    most_bytes=FETCHED_BYTES,
                    source=image.name,
                ):
                    return path
            if info.bytes > FETCHED_BYTES:
                raise PreviewUnavailable(image.name)
            store.download(image.name, path, fingerprint=info.fingerprint, version=info.version)
        except (StorageError, OSError) as error:
            raise PreviewUnavailable(str(error)) from error
        return path


def previews_in(home: Path | None, stores: StorageRouter) -> Previews | None:
    """The previews of a service whose state lives in `home`."""
    return None if home is None else Previews(home / "previews", stores)
