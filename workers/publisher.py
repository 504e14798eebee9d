"""The manager's `Publisher` for local disks: attempts become deliveries, once."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.spec.storage import Storage
from giornata.jobs.storage.base import Entry, Places
from giornata.jobs.storage.hashing import deliverable_bytes, deliverable_sha256
from giornata.jobs.storage.local import LOCAL, delivered_head
from giornata.workers.errors import TargetRefused
from giornata.workers.storage import discard, publish


class LocalPublisher:
    """Publishes files by hard link and folders by rename, in the target's own folder, records just before."""

    places: Places = LOCAL

    def of(self, storage: Storage) -> "LocalPublisher":
        """See `Publisher.of`: itself."""
        return self

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """See `Publisher.heads`."""
        return [delivered_head(target) for target in targets]

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`; the hash is the one the worker took while it held the file."""
        target, temporary = Path(claim.task.target), Path(claim.temporary)
        size = deliverable_bytes(temporary)
        if size != outcome.bytes:
            raise OSError(f"publishing {target}: {temporary.name} has {size} bytes, reported {outcome.bytes}")
        try:
            publish(temporary, target, replace=claim.replace)
        except TargetRefused as exc:
            raise TargetTaken(str(target), exc.args[1]) from exc
        return Published(str(outcome.sha256), size)

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`."""
        with suppress(OSError):
            discard(Path(claim.temporary), Path(claim.task.target))

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        found = delivered_head(target)
        return None if found is None else found.bytes

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`."""
        return deliverable_sha256(Path(target))
