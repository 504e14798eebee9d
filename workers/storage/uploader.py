"""`Uploader`: where an attempt writes its output, and how that reaches the bucket it is meant for."""

from contextlib import suppress
from pathlib import Path

from giornata.jobs.errors import StorageError
from giornata.jobs.model.attempt import Claim
from giornata.jobs.model.paths import base_name, companion_names, is_url
from giornata.jobs.storage.local import discard
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.s3_transfer import ITEM
from giornata.workers.storage.s3_tree import send_deliverable

OUTBOX = "outbox"


class Uploader:
    """Attempts for local disks are written in their place; those for buckets on scratch, and then sent."""

    def __init__(self, stores: StorageRouter) -> None:
        self._stores = stores

    def path(self, claim: Claim, folder: Path) -> Path:
        """The path of the output of an attempt that is worked on in `folder`."""
        if not is_url(claim.temporary):
            return Path(claim.temporary)
        return folder / OUTBOX / base_name(claim.temporary)

    def send(self, claim: Claim, path: Path) -> None:
        """Bring a written output to the attempt's own name. Raises `StorageError`."""
        if not is_url(claim.temporary):
            return
        task, storage = claim.task, claim.task.storage
        more = {"CacheControl": storage.cache_control} if storage.cache_control else {}
        metadata = {ITEM: task.item_id, "giornata-key": task.content_key()}
        store = self._stores.bucket(claim.temporary, storage)
        send_deliverable(store, path, claim.temporary, metadata=metadata, **more)
        discard(path, path)

    def discard(self, claim: Claim) -> None:
        """Remove the output of an attempt, as far as that can be done now."""
        if not is_url(claim.temporary):
            discard(Path(claim.temporary), Path(claim.task.target))
            return
        with suppress(StorageError):
            store = self._stores.bucket(claim.temporary, claim.task.storage)
            store.delete(claim.temporary)
            for companion in companion_names(claim.temporary):
                store.remove(companion)
