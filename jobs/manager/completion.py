"""From a report to a settled item: fence, publish, decide, write down, tell; no other order loses nothing."""

from collections.abc import Sequence

from giornata.jobs.errors import StorageAccessDenied, StorageError, StorageThrottled, TargetTaken
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass, Published, one_line
from giornata.jobs.model.ports import Progress
from giornata.jobs.model.retry import History, RetryPolicy
from giornata.jobs.model.states import ItemState
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.records import Settlement
from giornata.jobs.store.store import JobStore


class CompletionHandler:
    """Settles the reports of one job under its retry policy."""

    def __init__(
        self, store: JobStore, publisher: Publisher, policy: RetryPolicy, listener: Progress
    ) -> None:
        self._store, self._publisher = store, publisher
        self._policy, self._listener = policy, listener

    def settle(self, reports: Sequence[tuple[Claim, Outcome]]) -> int:
        """Take reports in; how many counted. The others were stale, and their files are removed."""
        histories = self._store.leases.prepare(reports) if reports else {}
        settlements = []
        for claim, outcome in reports:
            if claim.key in histories:
                settlements.append(self._settlement(claim, outcome, histories[claim.key]))
            else:
                self._publisher.discard(claim)
        counted = self._store.leases.finish(settlements) if settlements else []
        for settlement, fresh in zip(settlements, counted, strict=True):
            if fresh:
                self._listener.on_outcome(settlement.claim, settlement.outcome, settlement.decision)
        return sum(counted)

    def _settlement(self, claim: Claim, outcome: Outcome, history: History) -> Settlement:
        if outcome.outcome_class is OutcomeClass.DONE:
            outcome = self._published(claim, outcome)
        decision = self._policy.decide(outcome, history)
        if decision.state is not ItemState.DONE:
            self._publisher.discard(claim)
        return Settlement(claim, outcome, decision)

    def _published(self, claim: Claim, outcome: Outcome) -> Outcome:
        """The outcome after publication: the file at the final name, or the reason why there is none."""
        try:
            file = self._publisher.publish(claim, outcome)
        except TargetTaken as error:
            if not self._is_there_already(claim, outcome):
                return _turned(outcome, OutcomeClass.TARGET_TAKEN, error)
            self._publisher.discard(claim)
            file = Published(outcome.sha256 or "", outcome.bytes or 0)
        except StorageThrottled as error:
            return _turned(outcome, OutcomeClass.THROTTLED, error)
        except StorageAccessDenied as error:
            return _turned(outcome, OutcomeClass.CREDENTIALS, error)
        except (OSError, StorageError) as error:
            # Settled a second time, because store or bucket did not answer the first time: it is there.
            if not self._is_there_already(claim, outcome):
                return _turned(outcome, OutcomeClass.TRANSIENT_IO, error)
            self._publisher.discard(claim)
            file = Published(outcome.sha256 or "", outcome.bytes or 0)
        return outcome.model_copy(update={"sha256": file.sha256, "bytes": file.bytes})

    def _is_there_already(self, claim: Claim, outcome: Outcome) -> bool:
        """Whether a manager that was fenced out moved the very same picture there a moment ago."""
        target = claim.task.target
        try:
            same_size = self._publisher.size(target) == outcome.bytes
            return same_size and self._publisher.sha256(target) == outcome.sha256
        except StorageError:
            return False  # nobody knows; made again, it meets what is there


def _turned(outcome: Outcome, into: OutcomeClass, error: Exception) -> Outcome:
    return Outcome(
        job_id=outcome.job_id,
        item_id=outcome.item_id,
        attempt=outcome.attempt,
        outcome_class=into,
        reason=one_line(str(error)) or type(error).__name__,
        seconds=outcome.seconds,
        worker=outcome.worker,
    )
