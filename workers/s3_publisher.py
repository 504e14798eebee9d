"""`S3Publisher`: attempts in a bucket become deliveries, once, and never over an object that is not ours."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from giornata.jobs.claim import Claim, Published
from giornata.jobs.errors import PlaceChanged, PlaceError, PlaceMissing, TargetTaken
from giornata.jobs.outcome import Outcome
from giornata.jobs.places import base_name
from giornata.jobs.ports import Entry
from giornata.jobs.records import Delivery
from giornata.jobs.storage import Storage
from giornata.jobs.temporaries import PREFIX
from giornata.workers.places import AllPlaces
from giornata.workers.s3 import split, translated
from giornata.workers.s3_place import S3Place
from giornata.workers.s3_upload import COPIED_BYTES, SHA256, begun, content_type, copy, copy_in_parts

Recorded = Callable[[str], Delivery | None]
PROBE = f"{PREFIX}probe-"


class Conditional(StrEnum):
    """How an endpoint refuses to write over an object that is there."""

    COPY = "copy"  # CopyObject heeds If-None-Match
    PARTS = "parts"  # CompleteMultipartUpload does
    NEVER = "never"  # neither: a look before, and a look after


class S3Publisher:
    """A `Publisher` for the buckets of one storage; `recorded` knows what we delivered under a name."""

    def __init__(
        self,
        places: AllPlaces,
        storage: Storage,
        recorded: Recorded,
        rules: dict[tuple[Storage, str], Conditional],
    ) -> None:
        self.places = places
        self._storage, self._recorded, self._rules = storage, recorded, rules

    def of(self, storage: Storage) -> "S3Publisher":
        """See `Publisher.of`."""
        return S3Publisher(self.places, storage, self._recorded, self._rules)

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`: the attempt is copied under its name inside the service, and goes.

        Raises `TargetTaken`, `PlaceError`.
        """
        source, target = claim.temporary, claim.task.target
        place = self._place(target)
        self._check_attempt(place, source, outcome)
        self._move(place, source, target, size=int(outcome.bytes or 0), over=self._ours(place, claim))
        with suppress(PlaceError):  # it is hidden, and goes with the next cleaning
            place.delete(source)
        return Published(str(outcome.sha256), int(outcome.bytes or 0))

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`; ends an upload of it that is under way as well."""
        with suppress(PlaceError):
            self._place(claim.temporary).delete(claim.temporary)

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """See `Publisher.heads`."""
        return self._place(targets[0]).heads(targets) if targets else []

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        found = self._place(target).head(target)
        return found.bytes if found else None

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`: all of it is read again."""
        return self._place(target).sha256(target)

    def _place(self, name: str) -> S3Place:
        return self.places.bucket(name, self._storage)

    def _check_attempt(self, place: S3Place, source: str, outcome: Outcome) -> None:
        found = place.facts(source)
        if found is None:
            raise PlaceMissing(source, "what was sent is not there any more")
        carried = found["Metadata"].get(SHA256)
        if found["ContentLength"] != outcome.bytes or carried != outcome.sha256:
            words = f"got {found['ContentLength']} bytes or other ones, reported {outcome.bytes}"
            raise PlaceError(source, words)

    def _ours(self, place: S3Place, claim: Claim) -> str:
        """The ETag of what may be replaced; empty when nothing is there, or nothing may be."""
        target = claim.task.target
        found = place.facts(target) if claim.replace else None
        if found is None:
            return ""
        ours, carried = self._recorded(target), found["Metadata"].get(SHA256)
        if ours is None or (carried, found["ContentLength"]) != (ours.sha256, ours.bytes):
            raise TargetTaken(target, "an object that is not ours stands there and is left as it is")
        return str(found["ETag"])

    def _move(self, place: S3Place, source: str, target: str, *, size: int, over: str) -> None:
        rule = self._rule(place, target)
        condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        try:
            if rule is Conditional.COPY and size <= COPIED_BYTES:
                copy(place.client, source, target, size, **self._carried(), **condition)
            elif rule is not Conditional.NEVER:
                headers = {**self._headers(place, source, target), **self._carried(tags=True)}
                copy_in_parts(place.client, source, target, size, headers=headers, **condition)
            else:
                self._look_and_copy(place, source, target, size=size, over=over)
        except PlaceChanged as error:
            raise TargetTaken(target, "an object of that name exists and is left as it is") from error

    def _look_and_copy(self, place: S3Place, source: str, target: str, *, size: int, over: str) -> None:
        """For endpoints without conditions; two that deliver at the same moment are told apart afterwards."""
        there = place.facts(target)
        if (there["ETag"] if there else "") != over:
            raise PlaceChanged(target, "an object of that name exists")
        copy(place.client, source, target, size, **self._carried())
        sent, found = place.facts(source), place.facts(target)
        if sent and (found is None or found["Metadata"].get(SHA256) != sent["Metadata"].get(SHA256)):
            raise PlaceChanged(target, "somebody else delivered it at the same moment")

    def _headers(self, place: S3Place, source: str, target: str) -> dict[str, Any]:
        """What a copy made of parts does not take over by itself."""
        found = place.facts(source) or {}
        kept: dict[str, Any] = {name: found[name] for name in ("CacheControl", "Metadata") if name in found}
        return {**kept, "ContentType": found.get("ContentType") or content_type(base_name(target))}

    def _carried(self, *, tags: bool = False) -> dict[str, Any]:
        """What a final object has and an attempt does not: what costs by the day, or by the change."""
        storage = self._storage
        given = {
            "StorageClass": storage.storage_class,
            "ServerSideEncryption": storage.encryption and storage.encryption.value,
            "SSEKMSKeyId": storage.kms_key_id,
        }
        if storage.tags:
            given["Tagging"] = urlencode(storage.tags)
            if not tags:
                given["TaggingDirective"] = "REPLACE"
        return {name: value for name, value in given.items() if value}

    def _rule(self, place: S3Place, target: str) -> Conditional:
        """What the endpoint can do, tried once on an object of our own beside the target."""
        key = (place.storage, split(target)[0])
        if key not in self._rules:
            self._rules[key] = probe(place, target.rpartition("/")[0])
        return self._rules[key]


def probe(place: S3Place, folder: str) -> Conditional:
    """Which way of not writing over an object works in `folder`. Raises `PlaceError`."""
    name = f"{folder}/{PROBE}{secrets.token_hex(8)}"
    bucket, key = split(name)
    with translated(name):
        place.client.put_object(Bucket=bucket, Key=key, Body=b"giornata")
    try:
        return next((rule for rule, refuses in _PROBES.items() if refuses(place, name)), Conditional.NEVER)
    finally:
        with suppress(PlaceError):
            place.delete(name)


def _copy_is_refused(place: S3Place, name: str) -> bool:
    # Onto itself with other metadata: allowed without the condition, so only the condition can refuse it.
    more = {"MetadataDirective": "REPLACE", "Metadata": {"probe": "copy"}}
    return _is_refused(lambda: copy(place.client, name, name, 1, IfNoneMatch="*", **more), place, name)


def _parts_are_refused(place: S3Place, name: str) -> bool:
    def complete() -> None:
        with begun(place.client, name, {}) as (request, upload_id), translated(name):
            sent = place.client.upload_part(**request, UploadId=upload_id, PartNumber=1, Body=b"parts")
            parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
            place.client.complete_multipart_upload(
                **request, UploadId=upload_id, MultipartUpload=parts, IfNoneMatch="*"
            )

    return _is_refused(complete, place, name)


def _is_refused(act: Callable[[], None], place: S3Place, name: str) -> bool:
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
