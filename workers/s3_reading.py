"""`S3Reader`: the bytes of one version of an object, by ranges that are whole or read again."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from giornata.jobs.errors import PlaceAway, PlaceChanged
from giornata.jobs.manager.timing import Ask
from giornata.workers.s3 import S3Client, split, translated

MIB = 1 << 20
PART_BYTES = 8 * MIB  # one range read; so many of them at once stay far below what a worker may hold
READERS = 4
TRIES = 4  # of one range, whose connection may break in the middle
FIRST_WAIT_S = 0.2


@dataclass(frozen=True)
class Pin:
    """One version of one object."""

    name: str
    bytes: int
    etag: str
    version: str = ""


class S3Reader:
    """Reads with one client; `tick` hears of bytes, `ask` makes requests again where it is told to wait."""

    def __init__(self, client: S3Client, ask: Ask, tick: Callable[[], None]) -> None:
        self._client, self._ask, self._tick = client, ask, tick

    def parts(self, pin: Pin) -> Iterator[bytes]:
        """All bytes, in order; only so many parts are held as are read at once. Raises `PlaceError`."""
        starts = range(0, pin.bytes, PART_BYTES)
        if len(starts) <= 1:
            yield self.part(pin, 0, pin.bytes)
            return
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(READERS) as pool:
            try:
                for start in starts:
                    length = min(PART_BYTES, pin.bytes - start)
                    waiting.append(pool.submit(self.part, pin, start, length))
                    if len(waiting) > READERS:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def part(self, pin: Pin, start: int, length: int) -> bytes:
        """One range, whole. Raises `PlaceError`."""
        return self._again(lambda: self._range(pin, start, length))

    def latest(self, name: str, start: int, length: int | None) -> bytes:
        """One range of whatever version is there, up to its end where there is no length."""
        bucket, key = split(name)
        last = "" if length is None else str(start + length - 1)

        def request() -> bytes:
            with translated(name):
                answer = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{last}")
                data: bytes = answer["Body"].read()
            return data

        return self._again(request)

    def _again(self, request: Callable[[], bytes]) -> bytes:
        """What broke off in the middle is read again."""
        for attempt in range(TRIES):
            try:
                data = self._ask(request)
            except PlaceAway:
                if attempt == TRIES - 1:
                    raise
                time.sleep(FIRST_WAIT_S * 2**attempt)
            else:
                self._tick()
                return data
        raise AssertionError

    def _range(self, pin: Pin, start: int, length: int) -> bytes:
        bucket, key = split(pin.name)
        request = {"Bucket": bucket, "Key": key, "IfMatch": f'"{pin.etag}"'}
        if length:  # an empty object has no ranges
            request["Range"] = f"bytes={start}-{start + length - 1}"
        if pin.version:
            request["VersionId"] = pin.version
        try:
            with translated(pin.name):
                answer = self._client.get_object(**request)
                _check(pin, answer, ranged=bool(length))
                data: bytes = answer["Body"].read()
        except PlaceChanged:
            raise _changed(pin.name) from None
        if len(data) != length:
            raise PlaceAway(pin.name, f"got {len(data)} bytes of a range, needed {length}")
        return data


def _check(pin: Pin, answer: dict[str, Any], *, ranged: bool) -> None:
    """Not every service heeds If-Match, so its answer is looked at."""
    total = str(answer.get("ContentRange", "")).rpartition("/")[2] if ranged else ""
    if answer.get("ETag", "").strip('"') != pin.etag or (total.isdigit() and int(total) != pin.bytes):
        answer["Body"].close()
        raise _changed(pin.name)


def _changed(name: str) -> PlaceChanged:
    words = "it has changed since the job was listed; submit the job again for the new version"
    return PlaceChanged(name, words)
