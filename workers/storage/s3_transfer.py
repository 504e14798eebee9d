"""Transfers: ranged reads of one version of an object, multipart uploads and copies that are never half."""

import base64
import hashlib
import mimetypes
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, StorageError, StorageUnavailable
from giornata.jobs.manager.timing import Retrying
from giornata.workers.storage.s3_client import S3Client, split, translated

MIB = 1 << 20
READ_BYTES = 8 * MIB  # one range read; so many of them at once stay far below what a worker may hold
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

    def __init__(self, client: S3Client, ask: Retrying, tick: Callable[[], None]) -> None:
        self._client, self._ask, self._tick = client, ask, tick

    def parts(self, pin: Pin) -> Iterator[bytes]:
        """All bytes, in order; only so many parts are held as are read at once. Raises `StorageError`."""
        starts = range(0, pin.bytes, READ_BYTES)
        if len(starts) <= 1:
            yield self.part(pin, 0, pin.bytes)
            return
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(READERS) as pool:
            try:
                for start in starts:
                    length = min(READ_BYTES, pin.bytes - start)
                    waiting.append(pool.submit(self.part, pin, start, length))
                    if len(waiting) > READERS:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def part(self, pin: Pin, start: int, length: int) -> bytes:
        """One range, whole. Raises `StorageError`."""
        return self._again(lambda: self._range(pin, start, length))

    def latest(self, name: str, start: int, length: int | None) -> bytes:
        """One range of the version that is there, up to its end where there is no length."""
        bucket, key = split(name)
        last = "" if length is None else str(start + length - 1)

        def request() -> bytes:
            with translated(name):
                answer = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{last}")
                data: bytes = answer["Body"].read()
            return data

        return self._again(request)

    def _again(self, request: Callable[[], bytes]) -> bytes:
        """The bytes of a request, which is made again when it broke off in the middle."""
        for attempt in range(TRIES):
            try:
                data = self._ask(request)
            except StorageUnavailable:
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
        except ObjectChanged:
            raise _changed(pin.name) from None
        if len(data) != length:
            raise StorageUnavailable(pin.name, f"got {len(data)} bytes of a range, needed {length}")
        return data


def _check(pin: Pin, answer: dict[str, Any], *, ranged: bool) -> None:
    """Not every service heeds If-Match, so its answer is looked at."""
    total = str(answer.get("ContentRange", "")).rpartition("/")[2] if ranged else ""
    if answer.get("ETag", "").strip('"') != pin.etag or (total.isdigit() and int(total) != pin.bytes):
        answer["Body"].close()
        raise _changed(pin.name)


def _changed(name: str) -> ObjectChanged:
    reason = "it has changed since the job was listed; submit the job again for the new version"
    return ObjectChanged(name, reason)


SINGLE_BYTES = 16 * MIB  # more is sent in parts
UPLOAD_PART_BYTES = 16 * MIB
MOST_PARTS = 10_000
COPIED_BYTES = 5 << 30  # what one request can copy
HELD_BYTES = 64 * MIB  # of parts in memory at once
SENDERS = 4
ITEM = "giornata-item"  # the name under which an object carries the item it was made for
SHA256 = "giornata-sha256"  # the name under which an object carries its hash


def upload(
    client: S3Client,
    path: Path,
    name: str,
    *,
    tick: Callable[[], None] = lambda: None,
    metadata: Mapping[str, str] | None = None,
    **more: Any,
) -> str:
    """Send a file; returns its sha256, which the object carries too and each request is checked by.

    Raises `StorageError`; then no new object is at `name`, and no part of it is kept there.
    """
    size = path.stat().st_size
    sha256 = _sha256(path)
    headers = {"ContentType": content_type(name), "Metadata": {**(metadata or {}), SHA256: sha256}, **more}
    if size <= SINGLE_BYTES:
        bucket, key = split(name)
        with translated(name):
            client.put_object(
                Bucket=bucket,
                Key=key,
                Body=path.read_bytes(),
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                **headers,
            )
        tick()
    else:
        _in_parts(client, path, name, size, headers, tick)
    _check_whole(client, name, size, sha256)
    return sha256


def content_type(name: str) -> str:
    """The media type of a name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def part_bytes(size: int) -> int:
    """How large the parts of an object must be, in whole MiB, so that they are not too many."""
    return max(UPLOAD_PART_BYTES, -(-size // MOST_PARTS // MIB) * MIB)


def copy(client: S3Client, source: str, target: str, size: int, **more: Any) -> None:
    """Copy an object inside the service, with what it carries. Raises `StorageError`."""
    if size > COPIED_BYTES:
        copy_in_parts(client, source, target, size, **more)
        return
    bucket, key = split(target)
    with translated(target):
        client.copy_object(Bucket=bucket, Key=key, CopySource=_copied_from(source), **more)


def copy_in_parts(
    client: S3Client, source: str, target: str, size: int, *, headers: Mapping[str, Any], **condition: Any
) -> None:
    """Copy by a multipart upload, which ends under `condition` or is not seen. Raises `StorageError`."""
    with begun(client, target, headers) as (request, upload_id):
        parts = []
        for number, start in enumerate(range(0, max(size, 1), COPIED_BYTES), start=1):
            last = min(size, start + COPIED_BYTES) - 1
            ranged = {"CopySourceRange": f"bytes={start}-{last}"} if size > COPIED_BYTES else {}
            with translated(target):
                answer = client.upload_part_copy(
                    **request,
                    **ranged,
                    UploadId=upload_id,
                    PartNumber=number,
                    CopySource=_copied_from(source),
                )
            parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        with translated(target):
            client.complete_multipart_upload(
                **request, UploadId=upload_id, MultipartUpload={"Parts": parts}, **condition
            )


def abort_uploads(client: S3Client, name: str, *, but: str = "", below: bool = False) -> None:
    """End all uploads of this very name, except one, and of what lies `below` it. Raises `StorageError`."""
    bucket, key = split(name)
    with translated(name):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
        for entry in [item for page in pages for item in page.get("Uploads", ())]:
            is_match = entry["Key"] == key or (below and entry["Key"].startswith(f"{key}/"))
            if is_match and entry["UploadId"] != but:
                client.abort_multipart_upload(Bucket=bucket, Key=entry["Key"], UploadId=entry["UploadId"])


@contextmanager
def begun(client: S3Client, name: str, headers: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], str]]:
    """A multipart upload that is ended when the body fails; bucket and key for requests, and its id."""
    bucket, key = split(name)
    request = {"Bucket": bucket, "Key": key}
    with translated(name):
        answer = client.create_multipart_upload(**request, **headers)
    upload_id = answer["UploadId"]
    try:
        if answer["ResponseMetadata"].get("RetryAttempts"):
            # The first try may have begun one too, of which nobody heard.
            abort_uploads(client, name, but=upload_id)
        yield request, upload_id
    except BaseException:
        # Should this fail as well, the next start finds it by its name.
        with suppress(StorageError), translated(name):
            client.abort_multipart_upload(**request, UploadId=upload_id)
        raise


def _in_parts(
    client: S3Client, path: Path, name: str, size: int, headers: Mapping[str, Any], tick: Callable[[], None]
) -> None:
    step = part_bytes(size)
    with begun(client, name, {**headers, "ChecksumAlgorithm": "SHA256"}) as (request, upload_id):

        def send(number: int) -> dict[str, Any]:
            with path.open("rb") as file:
                file.seek((number - 1) * step)
                data = file.read(step)
            checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
            with translated(name):
                sent = client.upload_part(
                    **request, UploadId=upload_id, PartNumber=number, Body=data, ChecksumSHA256=checksum
                )
            tick()
            return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

        with ThreadPoolExecutor(max(1, min(SENDERS, HELD_BYTES // step))) as pool:
            futures = [pool.submit(send, number) for number in range(1, -(-size // step) + 1)]
            try:
                parts = [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()
        # An answer that got lost may hide a success: the check afterwards tells.
        with suppress(ObjectNotFound), translated(name):
            client.complete_multipart_upload(**request, UploadId=upload_id, MultipartUpload={"Parts": parts})


def _check_whole(client: S3Client, name: str, size: int, sha256: str) -> None:
    bucket, key = split(name)
    with translated(name):
        answer = client.head_object(Bucket=bucket, Key=key)
    if answer["ContentLength"] != size or answer["Metadata"].get(SHA256) != sha256:
        raise StorageUnavailable(name, f"got {answer['ContentLength']} bytes there, sent {size}")


def _copied_from(name: str) -> dict[str, str]:
    bucket, key = split(name)
    return {"Bucket": bucket, "Key": key}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
