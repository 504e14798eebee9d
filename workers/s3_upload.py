"""Sending a file to a bucket, and copying inside of one: in parts where it is large, and never half."""

import base64
import hashlib
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from giornata.jobs.errors import PlaceAway, PlaceError, PlaceMissing
from giornata.workers.s3 import S3Client, split, translated

MIB = 1 << 20
SINGLE_BYTES = 16 * MIB  # more is sent in parts
PART_BYTES = 16 * MIB
MOST_PARTS = 10_000
COPIED_BYTES = 5 << 30  # what one request can copy
HELD_BYTES = 64 * MIB  # of parts in memory at once
SENDERS = 4
ITEM = "giornata-item"  # the name under which it carries the item it was made for
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
    """Send a file; its sha256, which the object carries too and each request is checked by.

    Raises `PlaceError`; then nothing new is at `name`, and no part of it is kept there.
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
    return max(PART_BYTES, -(-size // MOST_PARTS // MIB) * MIB)


def copy(client: S3Client, source: str, target: str, size: int, **more: Any) -> None:
    """Copy an object inside the service, with what it carries. Raises `PlaceError`."""
    if size > COPIED_BYTES:
        copy_in_parts(client, source, target, size, **more)
        return
    bucket, key = split(target)
    with translated(target):
        client.copy_object(Bucket=bucket, Key=key, CopySource=_place(source), **more)


def copy_in_parts(
    client: S3Client, source: str, target: str, size: int, *, headers: Mapping[str, Any], **condition: Any
) -> None:
    """Copy by a multipart upload, which ends under `condition` or is not seen. Raises `PlaceError`."""
    with begun(client, target, headers) as (request, upload_id):
        parts = []
        for number, start in enumerate(range(0, max(size, 1), COPIED_BYTES), start=1):
            last = min(size, start + COPIED_BYTES) - 1
            ranged = {"CopySourceRange": f"bytes={start}-{last}"} if size > COPIED_BYTES else {}
            with translated(target):
                found = client.upload_part_copy(
                    **request, UploadId=upload_id, PartNumber=number, CopySource=_place(source), **ranged
                )
            parts.append({"PartNumber": number, "ETag": found["CopyPartResult"]["ETag"]})
        with translated(target):
            client.complete_multipart_upload(
                **request, UploadId=upload_id, MultipartUpload={"Parts": parts}, **condition
            )


def abort(client: S3Client, name: str, *, but: str = "", below: bool = False) -> None:
    """End all uploads of this very name, except one, and of what lies `below` it. Raises `PlaceError`."""
    bucket, key = split(name)
    with translated(name):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
        for found in [one for page in pages for one in page.get("Uploads", ())]:
            known = found["Key"] == key or (below and found["Key"].startswith(f"{key}/"))
            if known and found["UploadId"] != but:
                client.abort_multipart_upload(Bucket=bucket, Key=found["Key"], UploadId=found["UploadId"])


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
            abort(client, name, but=upload_id)
        yield request, upload_id
    except BaseException:
        # Should this fail as well, the next start finds it by its name.
        with suppress(PlaceError), translated(name):
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
        with suppress(PlaceMissing), translated(name):
            client.complete_multipart_upload(**request, UploadId=upload_id, MultipartUpload={"Parts": parts})


def _check_whole(client: S3Client, name: str, size: int, sha256: str) -> None:
    bucket, key = split(name)
    with translated(name):
        found = client.head_object(Bucket=bucket, Key=key)
    if found["ContentLength"] != size or found["Metadata"].get(SHA256) != sha256:
        raise PlaceAway(name, f"got {found['ContentLength']} bytes there, sent {size}")


def _place(name: str) -> dict[str, str]:
    bucket, key = split(name)
    return {"Bucket": bucket, "Key": key}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
