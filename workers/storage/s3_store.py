"""`S3Store`: an `ObjectStore` of buckets: listed page by page, read by ranges, pinned by ETag."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import Any

from giornata.jobs.errors import ObjectNotFound
from giornata.jobs.manager.timing import Retrying, at_once
from giornata.jobs.model.paths import PREFIX, base_name
from giornata.jobs.spec.naming import safe_component
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.base import Download, ObjectInfo
from giornata.workers.storage.s3_client import S3Client, joined, new_client, split, translated
from giornata.workers.storage.s3_transfer import Pin, S3Reader, abort_uploads, copy, upload

FEW = 8  # names in a folder that are asked for one by one; a listing answers for more


class S3Listing:
    """Lists with one client, and asks again for a page as `ask` does."""

    def __init__(self, client: S3Client, ask: Retrying) -> None:
        self._client, self._ask = client, ask

    def below(self, bucket: str, prefix: str, depth: int | None = None) -> Iterator[ObjectInfo]:
        """All objects under a prefix, by key, or level by level where there is a `depth`."""
        inner = []
        for page in self._pages(bucket, prefix, **({"Delimiter": "/"} if depth else {})):
            yield from (_entry(bucket, item) for item in page.get("Contents", ()))
            inner += [group["Prefix"] for group in page.get("CommonPrefixes", ())]
        if depth and depth > 1:
            for folder in inner:
                yield from self.below(bucket, folder, depth - 1)

    def answers(self, folder: str, names: Sequence[str]) -> dict[str, ObjectInfo | None]:
        """Entries of sorted names of one folder, as far as a listing comes in a fair number of pages."""
        bucket, above = split(folder)
        first, last = split(names[0])[1], split(names[-1])[1]
        entries: dict[str, ObjectInfo | None] = dict.fromkeys(names)
        pages = self._pages(bucket, f"{above}/" if above else "", Delimiter="/", StartAfter=first[:-1])
        reached = ""
        for page in islice(pages, 2 + len(names) // FEW):
            for item in page.get("Contents", ()):
                reached = item["Key"]
                if (name := joined(bucket, reached)) in entries:
                    entries[name] = _entry(bucket, item)
            if reached >= last or not page.get("IsTruncated"):
                return entries
        return {name: seen for name, seen in entries.items() if split(name)[1] <= reached}

    def attempted(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """Folders that attempts were filling."""
        last = ""
        for entry in self.below(bucket, prefix):
            parts = split(entry.name)[1].split("/")
            cut = next((number for number, part in enumerate(parts[:-1], 1) if part.startswith(PREFIX)), 0)
            name = joined(bucket, "/".join(parts[:cut]))
            if cut and name != last:
                last = name
                yield ObjectInfo(name, entry.bytes, entry.changed_at)

    def unfinished_uploads(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """Multipart uploads that have not ended, with their id for a version."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        with translated(joined(bucket, prefix)):
            for page in pages:
                for item in page.get("Uploads", ()):
                    begun_s = item["Initiated"].timestamp()
                    yield ObjectInfo(joined(bucket, item["Key"]), 0, begun_s, version=item["UploadId"])

    def _pages(self, bucket: str, prefix: str, **options: Any) -> Iterator[dict[str, Any]]:
        """Page by page, each requested when it is needed: a page that fails does not lose those before it."""
        while True:
            page = self._ask(lambda options=options: self._page(bucket, prefix, options))  # type: ignore[misc]
            yield page
            if not page.get("IsTruncated"):
                return
            options["ContinuationToken"] = page["NextContinuationToken"]

    def _page(self, bucket: str, prefix: str, options: dict[str, Any]) -> dict[str, Any]:
        with translated(joined(bucket, prefix)):
            page: dict[str, Any] = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, **options)
        return page


def _entry(bucket: str, item: dict[str, Any]) -> ObjectInfo:
    etag = item["ETag"].strip('"')
    changed_at = item["LastModified"].timestamp()
    return ObjectInfo(joined(bucket, item["Key"]), item["Size"], changed_at, f"{item['Size']}-{etag}")


ASKERS = 16  # questions about single objects at once


class S3Store:
    """An `ObjectStore` for the buckets of one storage, safe to share between threads.

    `tick` hears of bytes; `ask` repeats requests that only read where the storage asks to slow down.
    """

    def __init__(
        self, storage: Storage, *, tick: Callable[[], None] = lambda: None, ask: Retrying = at_once
    ) -> None:
        self.storage = storage
        self.client: S3Client = new_client(storage)
        self._tick, self._ask = tick, ask
        self._listing = S3Listing(self.client, ask)
        self._reader = S3Reader(self.client, ask, tick)

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; by key, or level by level where there is a `depth`."""
        bucket, root = _prefix(folder)
        for entry in self._listing.below(bucket, root, depth):
            *folders, name = split(entry.name)[1][len(root) :].split("/")
            shown = (hidden or not name.startswith(".")) and not any(part.startswith(".") for part in folders)
            if name and shown:  # a key that ends in a slash is somebody's idea of a folder
                yield entry

    def stat(self, name: str) -> ObjectInfo | None:
        """See `ObjectStore.stat`."""
        facts = self.facts(name)
        return _headed(name, facts) if facts else None

    def stat_many(self, names: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """See `ObjectStore.stat_many`: where many are wanted of one folder, that folder is listed."""
        entries: dict[str, ObjectInfo | None] = {}
        folders: dict[str, list[str]] = defaultdict(list)
        for name in names:
            folders[name.rpartition("/")[0]].append(name)
        for folder, requested in folders.items():
            if len(requested) > FEW:
                entries |= self._listing.answers(folder, sorted(requested))
        rest = [name for name in dict.fromkeys(names) if name not in entries]
        with ThreadPoolExecutor(ASKERS) as pool:
            entries |= zip(rest, pool.map(self.stat, rest), strict=True)
        return [entries[name] for name in names]

    def read(
        self,
        name: str,
        *,
        start: int = 0,
        length: int | None = None,
        fingerprint: str = "",
        version: str = "",
    ) -> bytes:
        """See `ObjectStore.read`; the version that is there now where there is no `fingerprint`."""
        if not fingerprint:
            return self._reader.latest(name, start, length)
        pin = self._pin(name, fingerprint, version)
        end = pin.bytes if length is None else min(start + length, pin.bytes)
        return self._reader.part(pin, start, end - start) if start < end else b""

    def download(self, name: str, path: Path, *, fingerprint: str = "", version: str = "") -> Download:
        """See `ObjectStore.download`; by ranges of one version, several at once, in order."""
        pin = self._pin(name, fingerprint, version)
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for part in self._reader.parts(pin):
                file.write(part)
                digest.update(part)
        return Download(pin.bytes, digest.hexdigest())

    def sha256(self, name: str) -> str:
        """The hash of all its bytes, read now, 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in self._reader.parts(self._pin(name, "", "")):
            digest.update(part)
        return digest.hexdigest()

    def upload(self, path: Path, name: str) -> None:
        """See `ObjectStore.upload`."""
        self.send(path, name)

    def send(self, path: Path, name: str, **more: Any) -> str:
        """Send a file with headers; returns its sha256."""
        return upload(self.client, path, name, tick=self._tick, **more)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`; of an attempt that is a folder, all of it."""
        self.abort_uploads(name)
        self.remove(name)
        if base_name(name).startswith(PREFIX):
            for entry in list(self.list(name, hidden=True)):
                self.remove(entry.name)

    def remove(self, name: str) -> None:
        """Remove one object, and nothing else of that name."""
        bucket, key = split(name)
        with translated(name):
            self.client.delete_object(Bucket=bucket, Key=key)

    def move_aside(self, name: str) -> str:
        """See `ObjectStore.move_aside`."""
        folder, _, last = name.rpartition("/")
        free = (f"{folder}/{safe_component(f'{last}.damaged-{number}')}" for number in count(1))
        aside = next(candidate for candidate in free if not self._objects_of(candidate))
        for entry in (objects := self._objects_of(name)):
            copy(self.client, entry.name, aside + entry.name[len(name) :], entry.bytes)
        if not objects:
            raise ObjectNotFound(name, "nothing is there")
        self.abort_uploads(name)
        for entry in objects:
            self.remove(entry.name)
        return aside

    def _objects_of(self, name: str) -> Sequence[ObjectInfo]:
        """The object of that name, or all objects of the folder."""
        entry = self.stat(name)
        return [entry] if entry else [*self.list(name, hidden=True)]

    def unfinished_uploads(self, folder: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.unfinished_uploads`; and folders that attempts were filling."""
        bucket, root = _prefix(folder)
        yield from self._listing.unfinished_uploads(bucket, root)
        yield from self._listing.attempted(bucket, root)

    def abort_uploads(self, name: str) -> None:
        """See `ObjectStore.abort_uploads`; of a folder, all uploads into it."""
        abort_uploads(self.client, name, below=True)

    def facts(self, name: str) -> dict[str, Any] | None:
        """The service's answer about an object; None when it is not there."""
        try:
            return self._ask(lambda: self._facts(name))
        except ObjectNotFound:
            return None

    def _facts(self, name: str) -> dict[str, Any]:
        bucket, key = split(name)
        with translated(name):
            answer: dict[str, Any] = self.client.head_object(Bucket=bucket, Key=key)
        return answer

    def _pin(self, name: str, fingerprint: str, version: str) -> Pin:
        if not fingerprint:
            entry = self.stat(name)
            if entry is None:
                raise ObjectNotFound(name, "nothing is there")
            fingerprint, version = entry.fingerprint, entry.version
        size, _, etag = fingerprint.partition("-")
        return Pin(name, int(size), etag, version)


def _prefix(folder: str) -> tuple[str, str]:
    bucket, key = split(folder)
    return bucket, key.rstrip("/") + "/" if key else ""


def _headed(name: str, facts: dict[str, Any]) -> ObjectInfo:
    size, etag = facts["ContentLength"], facts["ETag"].strip('"')
    version = facts.get("VersionId") or ""
    return ObjectInfo(
        name, size, facts["LastModified"].timestamp(), f"{size}-{etag}", "" if version == "null" else version
    )
