"""`RoutingPublisher`: the manager's `Publisher` for every kind of store, chosen by the name of the target."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from giornata.jobs.manager.timing import Retrying, at_once
from giornata.jobs.model.attempt import Claim, Outcome, Published
from giornata.jobs.model.paths import is_url
from giornata.jobs.spec.storage import HERE, Storage
from giornata.jobs.storage.base import ObjectInfo, Publisher
from giornata.jobs.storage.local import LocalPublisher
from giornata.workers.storage.router import StorageRouter
from giornata.workers.storage.s3_publisher import Recorded, S3Publisher, Shared


def nothing_recorded(target: str) -> Collection[tuple[int, str]]:
    """The records of a process that has none: nothing may be replaced."""
    return ()


@dataclass(frozen=True)
class RoutingPublisher:
    """Delivers to disks and to buckets; of a job, with that job's storage."""

    local: LocalPublisher
    remote: S3Publisher
    stores: StorageRouter

    def of(self, storage: Storage) -> "RoutingPublisher":
        """See `Publisher.of`."""
        return replace(self, remote=self.remote.of(storage))

    def publish(self, claim: Claim, outcome: Outcome) -> Published:
        """See `Publisher.publish`."""
        return self._by(claim.task.target, claim.task.storage).publish(claim, outcome)

    def discard(self, claim: Claim) -> None:
        """See `Publisher.discard`."""
        self._by(claim.task.target, claim.task.storage).discard(claim)

    def stat_many(self, targets: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """See `Publisher.stat_many`; all of one job."""
        return self._by(targets[0]).stat_many(targets) if targets else []

    def size(self, target: str) -> int | None:
        """See `Publisher.size`."""
        return self._by(target).size(target)

    def sha256(self, target: str) -> str:
        """See `Publisher.sha256`."""
        return self._by(target).sha256(target)

    def _by(self, target: str, storage: Storage | None = None) -> Publisher:
        if not is_url(target):
            return self.local
        return self.remote if storage is None else self.remote.of(storage)


def new_publisher(recorded: Recorded = nothing_recorded, *, ask: Retrying = at_once) -> RoutingPublisher:
    """A publisher for every store; `recorded` knows the outputs at a name that may be replaced.

    `ask` makes the requests that only read.
    """
    stores = StorageRouter(ask=ask)
    return RoutingPublisher(LocalPublisher(), S3Publisher(stores, HERE, recorded, Shared()), stores)
