"""How an endpoint refuses to write over an object that is there, tried on one of our own."""

import secrets
from collections.abc import Callable
from enum import StrEnum

from giornata.jobs.errors import PlaceChanged, PlaceError
from giornata.jobs.model.paths import PREFIX
from giornata.workers.s3 import split, translated
from giornata.workers.s3_place import S3Place
from giornata.workers.s3_upload import begun, copy

PROBE = f"{PREFIX}probe-"


class Conditional(StrEnum):
    """How an endpoint refuses to write over an object that is there."""

    COPY = "copy"  # CopyObject heeds If-None-Match
    PARTS = "parts"  # CompleteMultipartUpload does
    NEVER = "never"  # neither: a look before, and a look after


def probe_name(target: str) -> str:
    """A name of our own beside a target."""
    return f"{target.rpartition('/')[0]}/{PROBE}{secrets.token_hex(8)}"


def probe(place: S3Place, name: str) -> Conditional:
    """Which way of not writing over an object works, tried on `name`, which stays. Raises `PlaceError`."""
    bucket, key = split(name)
    with translated(name):
        place.client.put_object(Bucket=bucket, Key=key, Body=b"giornata")
    return next((rule for rule, refuses in _PROBES.items() if refuses(place, name)), Conditional.NEVER)


def _copy_is_refused(place: S3Place, name: str) -> bool:
    # Onto itself with other metadata: allowed without the condition, so only the condition can refuse it.
    more = {"MetadataDirective": "REPLACE", "Metadata": {"probe": "copy"}}
    return _is_refused(lambda: copy(place.client, name, name, 1, IfNoneMatch="*", **more))


def _parts_are_refused(place: S3Place, name: str) -> bool:
    def complete() -> None:
        with begun(place.client, name, {}) as (request, upload_id), translated(name):
            sent = place.client.upload_part(**request, UploadId=upload_id, PartNumber=1, Body=b"parts")
            parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
            place.client.complete_multipart_upload(
                **request, UploadId=upload_id, MultipartUpload=parts, IfNoneMatch="*"
            )

    return _is_refused(complete)


def _is_refused(act: Callable[[], None]) -> bool:
    try:
        act()
    except PlaceChanged:
        return True
    except PlaceError as error:
        if type(error) is not PlaceError:  # busy, away, or not allowed: that says nothing of the condition
            raise
        return False
    return False


_PROBES = {Conditional.COPY: _copy_is_refused, Conditional.PARTS: _parts_are_refused}
