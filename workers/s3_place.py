"""`S3Place`: objects of buckets as a `Place`: listed page by page, read by ranges, pinned by their ETag."""

import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from giornata.jobs.errors import PlaceAway, PlaceChanged, PlaceMissing
from giornata.jobs.naming import safe_component
from giornata.jobs.places import PREFIX, base_name
from giornata.jobs.ports import Entry, Fetched
from giornata.jobs.storage import Storage
from giornata.workers.s3 import S3Client, joined, new_client, split, translated
from giornata.workers.s3_upload import abort, copy, upload

MIB = 1 << 20
PART_BYTES = 8 * MIB  # one range read; so many of them at once stay far below what a worker may hold
READERS = 4
ASKERS = 16  # questions about single objects at once
TRIES = 4  # of one range, whose connection may break in the middle
FIRST_WAIT_S = 0.2
FEW = 8  # names in a folder that are asked for one by one; a listing answers for more
PAGE = 1000  # objects in one answer


@dataclass(frozen=True)
class _Pin:
    """One version of one object."""

    name: str
    bytes: int
    etag: str
    version: str = ""


class S3Place:
    """A `Place` for the buckets of one storage, safe to share between threads; `tick` hears of bytes."""

    def __init__(self, storage: Storage, *, tick: Callable[[], None] = lambda: None) -> None:
        self.storage = storage
        self.client: S3Client = new_client(storage)
        self._tick = tick

    def list(self, folder: str, *, depth: int | None = None, hidden: bool = False) -> Iterator[Entry]:
        """See `Place.list`; by key, or level by level where there is a `depth`."""
        bucket, key = split(folder)
        root = key.rstrip("/") + "/" if key else ""
        for found in self._below(bucket, root, depth):
            *folders, name = found["Key"][len(root) :].split("/")
            shown = (hidden or not name.startswith(".")) and not any(part.startswith(".") for part in folders)
            if name and shown:  # a key that ends in a slash is somebody's idea of a folder
                yield _entry(bucket, found)

    def head(self, name: str) -> Entry | None:
        """See `Place.head`."""
        found = self.facts(name)
        return _headed(name, found) if found else None

    def heads(self, names: Sequence[str]) -> Sequence[Entry | None]:
        """See `Place.heads`: where many are wanted of one folder, that folder is listed."""
        known: dict[str, Entry | None] = {}
        folders: dict[str, list[str]] = defaultdict(list)
        for name in names:
            folders[name.rpartition("/")[0]].append(name)
        for folder, wanted in folders.items():
            if len(wanted) > FEW:
                known |= self._listed(folder, sorted(wanted))
        rest = [name for name in dict.fromkeys(names) if name not in known]
        with ThreadPoolExecutor(ASKERS) as pool:
            known |= zip(rest, pool.map(self.head, rest), strict=True)
        return [known[name] for name in names]

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """See `Place.read`."""
        bucket, key = split(name)
        last = "" if length is None else str(start + length - 1)
        with translated(name):
            answer = self.client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{last}")
            data: bytes = answer["Body"].read()
        return data

    def fetch(self, name: str, path: Path, *, stamp: str = "", version: str = "") -> Fetched:
        """See `Place.fetch`; by ranges of one version, several at once, in order."""
        pin = self._pin(name, stamp, version)
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for part in self._parts(pin):
                file.write(part)
                digest.update(part)
        return Fetched(pin.bytes, digest.hexdigest())

    def sha256(self, name: str) -> str:
        """The hash of all its bytes, read now, 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in self._parts(self._pin(name, "", "")):
            digest.update(part)
        return digest.hexdigest()

    def put(self, path: Path, name: str) -> None:
        """See `Place.put`."""
        self.send(path, name)

    def send(self, path: Path, name: str, **more: Any) -> str:
        """The same, with headers; the sha256 of what was sent."""
        return upload(self.client, path, name, tick=self._tick, **more)

    def delete(self, name: str) -> None:
        """See `Place.delete`; of an attempt that is a folder, all of it."""
        self.abort(name)
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
        """See `Place.move_aside`."""
        folder, _, last = name.rpartition("/")
        free = (f"{folder}/{safe_component(f'{last}.damaged-{number}')}" for number in count(1))
        aside = next(one for one in free if self.head(one) is None)
        pin = self._pin(name, "", "")
        copy(self.client, name, aside, pin.bytes)
        self.delete(name)
        return aside

    def uploads(self, folder: str) -> Iterator[Entry]:
        """See `Place.uploads`; and folders that attempts were filling."""
        bucket, key = split(folder)
        root = key.rstrip("/") + "/" if key else ""
        yield from self._uploads(bucket, root)
        yield from self._attempted(bucket, root)

    def abort(self, name: str) -> None:
        """See `Place.abort`."""
        abort(self.client, name)

    def facts(self, name: str) -> dict[str, Any] | None:
        """What the service says of an object; nothing when it is not there."""
        bucket, key = split(name)
        try:
            with translated(name):
                found: dict[str, Any] = self.client.head_object(Bucket=bucket, Key=key)
        except PlaceMissing:
            return None
        return found

    def _below(self, bucket: str, prefix: str, depth: int | None) -> Iterator[dict[str, Any]]:
        inner = []
        words = {"Delimiter": "/"} if depth else {}
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **words)
        with translated(joined(bucket, prefix)):
            for page in pages:
                yield from page.get("Contents", ())
                inner += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        if depth and depth > 1:
            for one in inner:
                yield from self._below(bucket, one, depth - 1)

    def _listed(self, folder: str, names: Sequence[str]) -> dict[str, Entry | None]:
        """What a listing says of sorted names of one folder, as far as it comes in a fair number of pages."""
        bucket, above = split(folder)
        first, last = split(names[0])[1], split(names[-1])[1]
        found: dict[str, Entry | None] = dict.fromkeys(names)
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{above}/" if above else "", Delimiter="/", StartAfter=first[:-1]
        )
        reached = ""
        with translated(folder):
            for page in islice(pages, 2 + len(names) // FEW):
                for one in page.get("Contents", ()):
                    reached = one["Key"]
                    if (name := joined(bucket, reached)) in found:
                        found[name] = _entry(bucket, one)
                if reached >= last or not page.get("IsTruncated"):
                    return found
        return {name: seen for name, seen in found.items() if split(name)[1] <= reached}

    def _attempted(self, bucket: str, root: str) -> Iterator[Entry]:
        last = ""
        for found in self._below(bucket, root, None):
            parts = found["Key"].split("/")
            cut = next((number for number, part in enumerate(parts[:-1], 1) if part.startswith(PREFIX)), 0)
            name = joined(bucket, "/".join(parts[:cut]))
            if cut and name != last:
                last = name
                yield Entry(name, found["Size"], found["LastModified"].timestamp())

    def _uploads(self, bucket: str, prefix: str) -> Iterator[Entry]:
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        with translated(joined(bucket, prefix)):
            for page in pages:
                for found in page.get("Uploads", ()):
                    begun_s = found["Initiated"].timestamp()
                    yield Entry(joined(bucket, found["Key"]), 0, begun_s, version=found["UploadId"])

    def _pin(self, name: str, stamp: str, version: str) -> _Pin:
        if not stamp:
            found = self.head(name)
            if found is None:
                raise PlaceMissing(name, "nothing is there")
            stamp, version = found.stamp, found.version
        size, _, etag = stamp.partition("-")
        return _Pin(name, int(size), etag, version)

    def _parts(self, pin: _Pin) -> Iterator[bytes]:
        """All bytes of one version, in order; only so many parts are held as are read at once."""
        starts = range(0, pin.bytes, PART_BYTES)
        if len(starts) <= 1:
            yield self._part(pin, 0)
            return
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(READERS) as pool:
            try:
                for start in starts:
                    waiting.append(pool.submit(self._part, pin, start))
                    if len(waiting) > READERS:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _part(self, pin: _Pin, start: int) -> bytes:
        """One range, whole; what broke off in the middle is read again."""
        wanted = min(PART_BYTES, pin.bytes - start)
        for attempt in range(TRIES):
            try:
                data = self._range(pin, start, wanted)
            except PlaceAway:
                if attempt == TRIES - 1:
                    raise
                time.sleep(FIRST_WAIT_S * 2**attempt)
            else:
                self._tick()
                return data
        raise AssertionError

    def _range(self, pin: _Pin, start: int, wanted: int) -> bytes:
        bucket, key = split(pin.name)
        request = {"Bucket": bucket, "Key": key, "IfMatch": f'"{pin.etag}"'}
        if wanted:  # an empty object has no ranges
            request["Range"] = f"bytes={start}-{start + wanted - 1}"
        if pin.version:
            request["VersionId"] = pin.version
        try:
            with translated(pin.name):
                answer = self.client.get_object(**request)
                _check(pin, answer, ranged=bool(wanted))
                data: bytes = answer["Body"].read()
        except PlaceChanged:
            raise _changed(pin.name) from None
        if len(data) != wanted:
            raise PlaceAway(pin.name, f"got {len(data)} bytes of a range, needed {wanted}")
        return data


def _check(pin: _Pin, answer: dict[str, Any], *, ranged: bool) -> None:
    """Not every service heeds If-Match, so its answer is looked at."""
    total = str(answer.get("ContentRange", "")).rpartition("/")[2] if ranged else ""
    if answer.get("ETag", "").strip('"') != pin.etag or (total.isdigit() and int(total) != pin.bytes):
        answer["Body"].close()
        raise _changed(pin.name)


def _changed(name: str) -> PlaceChanged:
    words = "it has changed since the job was listed; submit the job again for the new version"
    return PlaceChanged(name, words)


def _entry(bucket: str, found: dict[str, Any]) -> Entry:
    etag = found["ETag"].strip('"')
    changed_at = found["LastModified"].timestamp()
    return Entry(joined(bucket, found["Key"]), found["Size"], changed_at, f"{found['Size']}-{etag}")


def _headed(name: str, found: dict[str, Any]) -> Entry:
    size, etag = found["ContentLength"], found["ETag"].strip('"')
    version = found.get("VersionId") or ""
    return Entry(
        name, size, found["LastModified"].timestamp(), f"{size}-{etag}", "" if version == "null" else version
    )
