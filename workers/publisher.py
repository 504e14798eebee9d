"""The manager's `Publisher` for local disks: attempts become deliveries, once."""

from collections.abc import Sequence
from pathlib import Path

from giornata.jobs.claim import Claim, Published
from giornata.jobs.errors import TargetTaken
from giornata.jobs.outcome import Outcome
from giornata.jobs.places import LOCAL, LocalPlace
from giornata.jobs.ports import Entry, Places
from giornata.jobs.storage import Storage
from giornata.workers.encode import file_sha256
from giornata.workers.errors import TargetRefused
from giornata.workers.storage import publish


class LocalPublisher:
    """Publishes by hard link or rename in the target's own folder."""

    places: Places = LOCAL

    def of(self, storage: Storage) -> "LocalPublisher":
        """See `Publisher.of`: itself."""
        return self

    def heads(self, targets: Sequence[str]) -> Sequence[Entry | None]:
        """See `Publisher.heads`."""
        return LocalPlace().heads(targets)

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`; the hash is the one the worker took while it held the file."""
        target, temporary = Path(claim.task.target), Path(claim.temporary)
        size = temporary.stat().st_size
        if size != outcome.bytes:
            raise OSError(f"publishing {target}: {temporary.name} has {size} bytes, reported {outcome.bytes}")
        try:
            publish(temporary, target, replace=claim.replace)
        except TargetRefused as exc:
            raise TargetTaken(str(target), exc.args[1]) from exc
        return Published(str(outcome.sha256), size)

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`."""
        Path(claim.temporary).unlink(missing_ok=True)

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        path = Path(target)
        return path.stat().st_size if path.is_file() else None

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`."""
        return file_sha256(Path(target))
