"""What a manager does before it runs a job: fence out earlier ones, and compare the store with the files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from giornata.jobs.model.states import ItemEvent, ItemState
from giornata.jobs.planning.conflicts import AT_ONCE
from giornata.jobs.storage.base import ObjectInfo, Publisher
from giornata.jobs.store.records import Delivery, ItemRecord
from giornata.jobs.store.store import JobStore


@dataclass(frozen=True)
class Checked:
    """The result of comparing delivered items with their files."""

    missing: int = 0
    changed: int = 0


def take_over(store: JobStore, publisher: Publisher, job_id: str) -> int:
    """Raise the epoch, remove the files of dead attempts, adopt those they published; the new epoch.

    Raises `StorageError` when these files cannot be seen now; then the next manager adopts them.
    """
    publisher = publisher.of(store.jobs.get(job_id).spec.storage)
    epoch, returned = store.leases.raise_epoch(job_id)
    for item_id, target, sha256, size in store.leases.intents(job_id):
        # The file of the intent at its final name: only the last word in the store was missing.
        if publisher.size(target) == size and publisher.sha256(target) == sha256:
            store.leases.adopt(job_id, item_id, sha256=sha256, bytes=size)
    for claim in returned:
        publisher.discard(claim)
    return epoch


def check_delivered(store: JobStore, publisher: Publisher, job_id: str) -> Checked:
    """Queue items again whose output has gone; fail those whose output someone changed since.

    A changed file is not ours any more, so nothing may write over it.
    """
    missing = changed = 0
    publisher = publisher.of(store.jobs.get(job_id).spec.storage)
    for item, existing in _beside(publisher, store.items.all(job_id, (ItemState.DONE, ItemState.SKIPPED))):
        size = existing.bytes if existing else None
        if size is None:
            reason = "its output has gone since it was delivered"
            missing += store.items.move(job_id, item.item_id, ItemEvent.REOPEN, reason=reason)
        elif size != item.bytes and _is_changed(item, size, store.deliveries.find(item.target)):
            reason = (
                f"checking {item.target}: got {size} bytes, delivered {item.bytes}; move it and run again"
            )
            changed += store.items.move(job_id, item.item_id, ItemEvent.FAIL, reason=reason)
    return Checked(missing, changed)


def _beside(
    publisher: Publisher, items: Iterable[ItemRecord]
) -> Iterator[tuple[ItemRecord, ObjectInfo | None]]:
    """Items, each with the existing file at its target, asked for many at once."""
    waiting = iter(items)
    while batch := list(islice(waiting, AT_ONCE)):
        yield from zip(batch, publisher.stat_many([item.target for item in batch]), strict=True)


def _is_changed(item: ItemRecord, size: int, newest: Delivery | None) -> bool:
    """A skipped item has no file of its own, and a later job may have replaced ours by right."""
    if item.state is not ItemState.DONE:
        return False
    return newest is None or newest.job_id == item.job_id or newest.bytes != size
