"""Sizes of pictures for planning, from headers, thousands a second: local files, and objects by ranges."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, StorageUnavailable
from giornata.jobs.model.paths import base_name, is_url
from giornata.jobs.planning.estimate import UNMEASURED, Size
from giornata.jobs.spec.enums import Pages
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.base import ObjectInfo, ObjectStore, StoreFinder
from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.decoding.remote_header import PartialFile, copy_header
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import Rejected, RenderError


def header_size(path: Path | str, *, sandbox: Sandbox, page: int | None = None) -> tuple[int, int] | None:
    """Upright width and height in px of the picture at `path`, or None if no job could render it.

    Of several pages the first, or that which is numbered `page` from 0.
    """
    try:
        facts = sandbox.inspect(path, _lenient(sandbox.limits, page))
    except RenderError:
        return None
    return facts.width, facts.height


def _lenient(limits: Limits, page: int | None) -> DecodeOptions:
    """Options that accept any pages and ranges, which do not change the size."""
    pages = Pages.FIRST if page is None else Pages.ALL
    return DecodeOptions(pages=pages, page=page, float_range=(0, 1), limits=limits)


class HeaderMeasure:
    """The planner's `Measure`, over a decoding process of its own. Not thread-safe; close it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._sandbox = Sandbox(limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, source: str, page: int | None = None) -> Size | None:
        size = header_size(source, sandbox=self._sandbox, page=page)
        return Size(*size) if size else None

    def close(self) -> None:
        """Ends the decoding process."""
        self._sandbox.close()


FETCHED = 16  # objects: enough for an estimate, and a few seconds
LARGEST_BYTES = 64 << 20  # of those that are read as a whole


class ImageSizer:
    """The planner's `Measure` where sources may be in buckets. Not thread-safe; use it in a `with`."""

    def __init__(self, stores: StoreFinder, storage: Storage) -> None:
        self._stores, self._storage = stores, storage
        self._headers = HeaderMeasure()
        self._left = FETCHED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._headers.close()

    def __call__(self, source: str, page: int | None = None) -> Size | None:
        if not is_url(source):
            return self._headers(source, page)
        if not self._left:
            return UNMEASURED
        store = self._stores.at(source, self._storage)
        entry = store.stat(source)
        if entry is None:
            return None
        self._left -= 1
        with tempfile.TemporaryDirectory(prefix="giornata-plan-") as folder:
            path = Path(folder) / base_name(source)
            try:
                if not self._is_near(store, entry, path):
                    return UNMEASURED
            except (ObjectNotFound, Rejected):
                return None  # gone a moment ago, or no picture
            except (StorageUnavailable, ObjectChanged):
                return UNMEASURED  # an estimate is not worth a batch; the worker asks again
            return self._headers(str(path), page)

    def _is_near(self, store: ObjectStore, entry: ObjectInfo, path: Path) -> bool:
        """Copy the bytes that the header is read from, or all of a small object; False for a large one."""
        with PartialFile(store, entry, path) as copy:
            if copy_header(copy, source=entry.name):
                return True
        if entry.bytes > LARGEST_BYTES:
            return False
        store.download(entry.name, path, fingerprint=entry.fingerprint, version=entry.version)
        return True
