"""`Mover`: an object from an attempt's name to its final one, inside of the service, never over another."""

from typing import Any
from urllib.parse import urlencode

from giornata.jobs.errors import PlaceChanged, TargetTaken
from giornata.jobs.model.paths import base_name
from giornata.jobs.spec.storage import Storage
from giornata.workers.s3_conditional import Conditional
from giornata.workers.s3_place import S3Place
from giornata.workers.s3_upload import COPIED_BYTES, SHA256, content_type, copy, copy_in_parts


class Mover:
    """Moves within one place by the rule that its endpoint keeps; `storage` says what final objects carry."""

    def __init__(self, place: S3Place, storage: Storage, rule: Conditional) -> None:
        self._place, self._storage, self._rule = place, storage, rule

    def move(self, source: str, target: str, *, size: int, over: bool) -> None:
        """Copy under the final name; `over` the object that is seen there now, if any, and over no other.

        Raises `TargetTaken`, `PlaceError`.
        """
        place = self._place
        there = place.facts(target) if over else None
        etag = str(there["ETag"]) if there else ""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            if self._rule is Conditional.COPY and size <= COPIED_BYTES:
                copy(place.client, source, target, size, **carried(self._storage), **condition)
            elif self._rule is not Conditional.NEVER:
                headers = {**self._headers(source, target), **carried(self._storage, in_parts=True)}
                copy_in_parts(place.client, source, target, size, headers=headers, **condition)
            else:
                self._look_and_copy(source, target, size=size, over=etag)
        except PlaceChanged as error:
            raise TargetTaken(target, "an object of that name exists and is left as it is") from error

    def _look_and_copy(self, source: str, target: str, *, size: int, over: str) -> None:
        """For endpoints without conditions; two that deliver at the same moment are told apart afterwards."""
        place = self._place
        there = place.facts(target)
        if (there["ETag"] if there else "") != over:
            raise PlaceChanged(target, "an object of that name exists")
        copy(place.client, source, target, size, **carried(self._storage))
        sent, found = place.facts(source), place.facts(target)
        if sent and (found is None or found["Metadata"].get(SHA256) != sent["Metadata"].get(SHA256)):
            raise PlaceChanged(target, "somebody else delivered it at the same moment")

    def _headers(self, source: str, target: str) -> dict[str, Any]:
        """What a copy made of parts does not take over by itself."""
        found = self._place.facts(source) or {}
        kept: dict[str, Any] = {name: found[name] for name in ("CacheControl", "Metadata") if name in found}
        return {**kept, "ContentType": found.get("ContentType") or content_type(base_name(target))}


def carried(storage: Storage, *, in_parts: bool = False) -> dict[str, Any]:
    """What a final object has and an attempt does not: what costs by the day, or by the change."""
    given = {
        "StorageClass": storage.storage_class,
        "ServerSideEncryption": storage.encryption and storage.encryption.value,
        "SSEKMSKeyId": storage.kms_key_id,
    }
    if storage.tags:
        given["Tagging"] = urlencode(storage.tags)
        if not in_parts:
            given["TaggingDirective"] = "REPLACE"
    return {name: value for name, value in given.items() if value}
