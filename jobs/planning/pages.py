"""Pages of multi-page TIFF files: with `pages: all` each of them is listed as a picture of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, ReadLimitReached
from giornata.jobs.model.paths import is_url
from giornata.jobs.planning.assets import Asset
from giornata.jobs.planning.tiff import ReadAt, from_descriptor, full_size_pages
from giornata.jobs.spec.enums import Pages
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import StoreFinder
from giornata.jobs.storage.remote_file import RemoteFile

SUFFIXES = (".tif", ".tiff")
MOST_PAGES = 1000  # as a worker's own limit, unless the spec has another


def paged(assets: Iterator[Asset], spec: JobSpec, stores: StoreFinder) -> Iterator[Asset]:
    """The same pictures; where `pages: all` is asked for, one for each full-size page of a TIFF.

    A file that cannot be read, or has more pages than allowed, stays one picture: the worker says what is
    wrong with it. Raises `StorageError` when a bucket cannot be read.
    """
    for asset in assets:
        pages = _pages(asset, spec, stores) if spec.render.pages is Pages.ALL else 1
        if 1 < pages <= (spec.limits.max_pages or MOST_PAGES):
            yield from (replace(asset, page=page, pages=pages) for page in range(pages))
        else:
            yield asset


def _pages(asset: Asset, spec: JobSpec, stores: StoreFinder) -> int:
    if asset.ext.lower() not in SUFFIXES:
        return 1
    try:
        with _opened(asset.source, spec, stores) as read:
            return full_size_pages(read)
    except (OSError, ObjectNotFound, ObjectChanged, ReadLimitReached):
        return 1


@contextmanager
def _opened(source: str, spec: JobSpec, stores: StoreFinder) -> Iterator[ReadAt]:
    if is_url(source):
        yield RemoteFile.open(stores.at(source, spec.storage), source).read_at
        return
    descriptor = os.open(Path(source), os.O_RDONLY)
    try:
        yield from_descriptor(descriptor)
    finally:
        os.close(descriptor)
