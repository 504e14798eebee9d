"""`S3Publisher`: attempts in a bucket become deliveries, once, and never over an object that is not ours.

Whether an endpoint refuses to write over an object that is there is tried on one of our own.
"""

import secrets
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from giornata.jobs.errors import ObjectChanged, ObjectNotFound, StorageError, TargetTaken
from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.model.paths import PREFIX, base_name, companion_names
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.base import ObjectInfo
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.s3_client import split, translated
from giornata.workers.storage.s3_store import S3Store
from giornata.workers.storage.s3_transfer import (
    COPIED_BYTES,
    ITEM,
    SHA256,
    begun,
    content_type,
    copy,
    copy_in_parts,
)
from giornata.workers.storage.s3_tree import (
    deliverable_sha256,
    each,
    stat_deliverable,
    stat_deliverables,
    tree,
)

PROBE = f"{PREFIX}probe-"


class Conditional(StrEnum):
    """How an endpoint refuses to write over an object that is there."""

    COPY = "copy"  # CopyObject heeds If-None-Match
    PARTS = "parts"  # CompleteMultipartUpload does
    NEVER = "never"  # neither: a look before, and a look after


def probe_name(target: str) -> str:
    """A name of our own beside a target."""
    return f"{target.rpartition('/')[0]}/{PROBE}{secrets.token_hex(8)}"


def probe(store: S3Store, name: str) -> Conditional:
    """Which way of not writing over an object works, tried on `name`, which stays. Raises `StorageError`."""
    bucket, key = split(name)
    with translated(name):
        store.client.put_object(Bucket=bucket, Key=key, Body=b"giornata")
    return next((rule for rule, refuses in _PROBES.items() if refuses(store, name)), Conditional.NEVER)


def _copy_is_refused(store: S3Store, name: str) -> bool:
    # Onto itself with other metadata: allowed without the condition, so only the condition can refuse it.
    more = {"MetadataDirective": "REPLACE", "Metadata": {"probe": "copy"}}
    return _is_refused(lambda: copy(store.client, name, name, 1, IfNoneMatch="*", **more))


def _parts_are_refused(store: S3Store, name: str) -> bool:
    def complete() -> None:
        with begun(store.client, name, {}) as (request, upload_id), translated(name):
            sent = store.client.upload_part(**request, UploadId=upload_id, PartNumber=1, Body=b"parts")
            parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
            store.client.complete_multipart_upload(
                **request, UploadId=upload_id, MultipartUpload=parts, IfNoneMatch="*"
            )

    return _is_refused(complete)


def _is_refused(act: Callable[[], None]) -> bool:
    try:
        act()
    except ObjectChanged:
        return True
    except StorageError as error:
        if type(error) is not StorageError:  # busy, away, or not allowed: that says nothing of the condition
            raise
        return False
    return False


_PROBES = {Conditional.COPY: _copy_is_refused, Conditional.PARTS: _parts_are_refused}


class Mover:
    """Moves within one store by the rule that its endpoint keeps; `storage` says what final objects carry."""

    def __init__(self, store: S3Store, storage: Storage, rule: Conditional) -> None:
        self._store, self._storage, self._rule = store, storage, rule

    def move(self, source: str, target: str, *, size: int, over: bool) -> None:
        """Copy under the final name; `over` the object that is seen there now, if any, and over no other.

        Raises `TargetTaken`, `StorageError`.
        """
        store = self._store
        existing = store.facts(target) if over else None
        etag = str(existing["ETag"]) if existing else ""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            if self._rule is Conditional.COPY and size <= COPIED_BYTES:
                copy(store.client, source, target, size, **carried(self._storage), **condition)
            elif self._rule is not Conditional.NEVER:
                headers = {**self._headers(source, target), **carried(self._storage, in_parts=True)}
                copy_in_parts(store.client, source, target, size, headers=headers, **condition)
            else:
                self._look_and_copy(source, target, size=size, over=etag)
        except ObjectChanged as error:
            raise TargetTaken(target, "an object of that name exists and is left as it is") from error

    def _look_and_copy(self, source: str, target: str, *, size: int, over: str) -> None:
        """For endpoints without conditions; two that deliver at the same moment are told apart afterwards."""
        store = self._store
        existing = store.facts(target)
        if (existing["ETag"] if existing else "") != over:
            raise ObjectChanged(target, "an object of that name exists")
        copy(store.client, source, target, size, **carried(self._storage))
        sent, delivery = store.facts(source), store.facts(target)
        if sent and (delivery is None or delivery["Metadata"].get(SHA256) != sent["Metadata"].get(SHA256)):
            raise ObjectChanged(target, "somebody else delivered it at the same moment")

    def _headers(self, source: str, target: str) -> dict[str, Any]:
        """The headers that a copy made of parts does not take over by itself."""
        facts = self._store.facts(source) or {}
        headers: dict[str, Any] = {
            name: facts[name] for name in ("CacheControl", "Metadata") if name in facts
        }
        return {**headers, "ContentType": facts.get("ContentType") or content_type(base_name(target))}


def carried(storage: Storage, *, in_parts: bool = False) -> dict[str, Any]:
    """The options of a final object that an attempt lacks: those that cost by the day, or by the change."""
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


Recorded = Callable[[str], Collection[tuple[int, str]]]
MOST_OWED = 10_000  # names in mind; the others go with the next cleaning
PAID_AT_ONCE = 20


@dataclass
class Shared:
    """The shared state of a process's publishers: rules of endpoints, and names still to be removed."""

    rules: dict[tuple[Storage, str], Conditional] = field(default_factory=dict)
    owed: deque[tuple[Storage, str]] = field(default_factory=lambda: deque(maxlen=MOST_OWED))


class S3Publisher:
    """A `Publisher` for the buckets of one storage; `recorded` knows our deliveries at a name."""

    def __init__(self, stores: StorageRouter, storage: Storage, recorded: Recorded, shared: Shared) -> None:
        self.stores = stores
        self._storage, self._recorded, self._shared = storage, recorded, shared

    def of(self, storage: Storage) -> "S3Publisher":
        """See `Publisher.of`."""
        return S3Publisher(self.stores, storage, self._recorded, self._shared)

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`: the attempt is copied under its name inside the service, and goes.

        Its companions go to their names just before; of a folder, the object that leads to the rest comes
        last, and of an earlier delivery goes first: a reader finds a whole picture or none. Raises
        `TargetTaken`, `StorageError`.
        """
        source, target = claim.temporary, claim.task.target
        store = self._store_of(target)
        sent = self._sent(store, claim, outcome)
        folder = sent[0].name != source
        over = self._ours(store, claim, folder=folder)
        self._publish_companions(store, claim)
        mover = Mover(store, self._storage, self._rule(store, target))
        if folder and over:
            self._clear(store, target, but={target + entry.name[len(source) :] for entry in sent[:-1]})

        def move(entry: ObjectInfo) -> None:
            mover.move(entry.name, target + entry.name[len(source) :], size=entry.bytes, over=over)

        each(move, sent[:-1])
        move(sent[-1])
        each(lambda entry: self._drop(store, entry.name), sent)
        self._pay()
        return Published(str(outcome.sha256), int(outcome.bytes or 0))

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`; ends what a killed process had begun to send, or to publish."""
        store = self._store_of(claim.temporary)
        target = claim.task.target
        try:
            store.delete(claim.temporary)
            store.abort_uploads(target)
            # A companion without its picture was on its way.
            bare = (target,) if stat_deliverable(store, target) is None else ()
            for name in (claim.temporary, *bare):
                for companion in companion_names(name):
                    store.remove(companion)
        except StorageError:
            sent = (claim.temporary, *companion_names(claim.temporary))
            self._shared.owed.extend((self._storage, name) for name in sent)

    def stat_many(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """See `Publisher.stat_many`."""
        return stat_deliverables(self._store_of(targets[0]), targets) if targets else []

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        info = stat_deliverable(self._store_of(target), target)
        return info.bytes if info else None

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`: all of it is read again."""
        return deliverable_sha256(self._store_of(target), target)

    def _store_of(self, name: str) -> S3Store:
        return self.stores.bucket(name, self._storage)

    def _sent(self, store: S3Store, claim: Claim, outcome: Outcome) -> list[ObjectInfo]:
        """The objects of an attempt, the one that leads to the others last.

        Raises `StorageError` when not all are there.
        """
        source = claim.temporary
        facts = store.facts(source)
        if facts is not None:
            if (facts["ContentLength"], facts["Metadata"].get(SHA256)) != (outcome.bytes, outcome.sha256):
                reason = f"got {facts['ContentLength']} bytes or other ones, reported {outcome.bytes}"
                raise StorageError(source, reason)
            return [ObjectInfo(source, facts["ContentLength"], 0.0)]
        inside = tree(store, source)
        if not inside:
            raise ObjectNotFound(source, "what was sent is not there any more")
        held = sum(entry.bytes for entry in inside)
        if held != outcome.bytes:
            raise StorageError(source, f"got {held} bytes in {len(inside)} objects, reported {outcome.bytes}")
        return sorted(inside, key=lambda entry: -entry.name.count("/"))

    def _clear(self, store: S3Store, target: str, *, but: set[str]) -> None:
        """Remove an earlier delivery's objects that are not in `but`, those that lead to the rest first."""
        stale = [entry.name for entry in tree(store, target) if entry.name not in but]
        for name in sorted(stale, key=lambda name: name.count("/")):
            store.remove(name)

    def _ours(self, store: S3Store, claim: Claim, *, folder: bool) -> bool:
        """Whether the object at the target is ours and may be replaced. Raises `TargetTaken` if not."""
        target = claim.task.target
        existing = stat_deliverable(store, target) if claim.replace or folder else None
        if existing is None:
            return False
        if folder and _is_of_item(store, target, claim.task.item_id):
            return True  # what a crash in the middle left, or an earlier delivery of ours
        deliveries = self._recorded(target) if claim.replace else ()
        sizes = {size for size, _ in deliveries}
        if existing.bytes not in sizes or (existing.bytes, self._hash_of(store, target)) not in deliveries:
            raise TargetTaken(target, "an object that is not ours stands there and is left as it is")
        return True

    def _hash_of(self, store: S3Store, target: str) -> str:
        facts = store.facts(target)
        return str(facts["Metadata"].get(SHA256)) if facts else deliverable_sha256(store, target)

    def _publish_companions(self, store: S3Store, claim: Claim) -> None:
        """As on a disk: never beside an object that is not this one, and none of an earlier one stays."""
        target = claim.task.target
        if not claim.replace and store.stat(target) is not None:
            raise TargetTaken(target, "an object of that name exists and is left as it is")
        flags = (claim.task.sidecar, claim.task.credentials)
        names = zip(companion_names(claim.temporary), companion_names(target), flags, strict=True)
        for temporary, final, requested in names:
            info = store.stat(temporary) if requested else None
            if info is not None:
                copy(store.client, temporary, final, info.bytes, **carried(self._storage))
                self._drop(store, temporary)
            elif claim.replace:
                store.remove(final)

    def _drop(self, store: S3Store, name: str) -> None:
        try:
            store.remove(name)
        except StorageError:
            self._shared.owed.append((self._storage, name))

    def _pay(self) -> None:
        """Remove the objects that could not be removed before: the storage answers again."""
        for _ in range(min(PAID_AT_ONCE, len(self._shared.owed))):
            storage, name = self._shared.owed.popleft()
            try:
                self.stores.bucket(name, storage).delete(name)
            except StorageError:
                self._shared.owed.append((storage, name))
                return

    def _rule(self, store: S3Store, target: str) -> Conditional:
        """The rule of the endpoint, tried once on an object of our own beside the target."""
        key = (store.storage, split(target)[0])
        if key not in self._shared.rules:
            name = probe_name(target)
            try:
                self._shared.rules[key] = probe(store, name)
            finally:
                self._drop(store, name)
        return self._shared.rules[key]


def _is_of_item(store: S3Store, folder: str, item_id: str) -> bool:
    """Whether all objects of a folder were made for this item, by what they carry."""
    objects = each(lambda entry: store.facts(entry.name), tree(store, folder))
    return all(facts and facts["Metadata"].get(ITEM) == item_id for facts in objects)
