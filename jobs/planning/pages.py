"""Pages of multi-page TIFF files: with `pages: all` each of them is listed as a picture of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from giornata.jobs.errors import ObjectNotFound
from giornata.jobs.model.paths import is_url
from giornata.jobs.planning.assets import Asset
from giornata.jobs.planning.tiff import ReadAt, from_descriptor, full_size_pages
from giornata.jobs.spec.enums import Pages
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import ObjectStore, StoreFinder

SUFFIXES = (".tif", ".tiff")
MOST_PAGES = 1000  # as a worker's own limit, unless the spec has another
BLOCK_BYTES, BLOCKS_KEPT = 1 << 16, 16  # of an object: directories lie close together, or far apart


def paged(assets: Iterator[Asset], spec: JobSpec, places: StoreFinder) -> Iterator[Asset]:
    """The same pictures; where `pages: all` is asked for, one for each full-size page of a TIFF.

    A file that cannot be read, or has more pages than allowed, stays one picture: the worker says what is
    wrong with it. Raises `StorageError` when a bucket cannot be read.
    """
    for asset in assets:
        pages = _pages(asset, spec, places) if spec.render.pages is Pages.ALL else 1
        if 1 < pages <= (spec.limits.max_pages or MOST_PAGES):
            yield from (replace(asset, page=page, pages=pages) for page in range(pages))
        else:
            yield asset


def _pages(asset: Asset, spec: JobSpec, places: StoreFinder) -> int:
    if asset.ext.lower() not in SUFFIXES:
        return 1
    try:
        with _opened(asset.source, spec, places) as read:
            return full_size_pages(read)
    except (OSError, ObjectNotFound):
        return 1


@contextmanager
def _opened(source: str, spec: JobSpec, places: StoreFinder) -> Iterator[ReadAt]:
    if is_url(source):
        yield _in_blocks(places.at(source, spec.storage), source)
        return
    descriptor = os.open(Path(source), os.O_RDONLY)
    try:
        yield from_descriptor(descriptor)
    finally:
        os.close(descriptor)


def _in_blocks(place: ObjectStore, name: str) -> ReadAt:
    head = place.head(name)
    end = head.bytes if head else 0

    @lru_cache(maxsize=BLOCKS_KEPT)
    def block(start: int) -> bytes:
        return place.read(name, start=start, length=min(BLOCK_BYTES, end - start))

    def read(offset: int, size: int) -> bytes:
        if offset >= end:
            return b""
        first, last = offset // BLOCK_BYTES, (min(offset + size, end) - 1) // BLOCK_BYTES
        whole = b"".join(block(number * BLOCK_BYTES) for number in range(first, last + 1))
        return whole[offset - first * BLOCK_BYTES :][:size]

    return read
