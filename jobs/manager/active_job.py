"""`ActiveJob`: one job while a manager runs it: what is in flight, until when, and what it may still cost."""

import statistics
from collections import deque
from collections.abc import Iterator, Mapping

from giornata.jobs.manager.completion import CompletionHandler
from giornata.jobs.manager.timing import StallRule
from giornata.jobs.model.attempt import Claim, ClaimKey, Outcome, OutcomeClass
from giornata.jobs.model.ports import Clock
from giornata.jobs.model.states import ItemState
from giornata.jobs.store.records import JobRecord
from giornata.jobs.store.store import JobStore

SEEN = 101  # finished items whose median tells how long an item takes
ENOUGH_SEEN = 5
BUSY_S = 60.0  # a claim that did a step within this time is being worked on
REMEMBERED = 10_000  # claims whose file is looked for once more when the job ends


# After these the worker may have written on for a moment, nobody knows.
_DOUBTFUL = frozenset({OutcomeClass.WORKER_LOST, OutcomeClass.TIMEOUT, OutcomeClass.CANCELLED})


class ActiveJob:
    """The in-flight part of one job under one epoch; belongs to the manager's thread."""

    def __init__(
        self,
        store: JobStore,
        record: JobRecord,
        epoch: int,
        settler: CompletionHandler,
        clock: Clock,
        *,
        grace_s: float,
    ) -> None:
        self._store, self._settler, self._clock = store, settler, clock
        self.job_id, self.epoch, self.policy = record.job_id, epoch, record.spec.policy
        # A claim may wait behind another one on its worker; the runner's own deadline comes first.
        self.lease_s = 2 * self.policy.timeout_s + grace_s
        self.in_flight: dict[ClaimKey, tuple[Claim, float]] = {}
        self.changed = True
        self.doubtful: deque[Claim] = deque(maxlen=REMEMBERED)
        self._given_up: dict[ClaimKey, Claim] = {}
        self._reports: list[tuple[Claim, Outcome]] = []
        self._took_s: deque[float] = deque(maxlen=SEEN)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is in flight or waits to be written down."""
        return not self.in_flight and not self._reports

    def is_making(self, item_id: str) -> bool:
        """Whether this item is in flight."""
        return any(key.item_id == item_id for key in self.in_flight)

    def claim(self, count: int) -> list[Claim]:
        """Lease up to `count` items. Raises `Superseded`."""
        claims = self._store.leases.claim(self.job_id, count, self.lease_s, "", epoch=self.epoch)
        for claim in claims:
            self.in_flight[claim.key] = (claim, self._clock.now() + self.lease_s)
        return claims

    def take(self, outcome: Outcome) -> bool:
        """Accept a report if it is about a claim of this job."""
        key = outcome.key
        claim, _ = self.in_flight.pop(key, (self._given_up.pop(key, None), 0.0))
        if claim is None:
            return False
        self._reports.append((claim, outcome))
        if outcome.outcome_class is OutcomeClass.DONE:
            self._took_s.append(outcome.seconds)
        elif outcome.outcome_class in _DOUBTFUL:
            self.doubtful.append(claim)
        return True

    def expire(self) -> list[Claim]:
        """Report claims past their lease as timed out; these claims."""
        expired = list(self._overdue())
        for claim, outcome in expired:
            del self.in_flight[claim.key]
            # Should it report after all, the fence refuses it, and its file is removed.
            self._given_up[claim.key] = claim
            self.doubtful.append(claim)
            self._reports.append((claim, outcome))
        return [claim for claim, _ in expired]

    def prolong(self, beats: Mapping[ClaimKey, float]) -> None:
        """Give claims that show progress their whole lease again: a giant takes as long as it takes."""
        until = self._clock.now() + self.lease_s
        for key in self.in_flight.keys() & beats.keys():
            if beats[key] < BUSY_S:
                self.in_flight[key] = (self.in_flight[key][0], until)

    def settle(self) -> int:
        """Write the reports down; how many counted. Those that cannot be written now stay for later."""
        if not self._reports:
            return 0
        settled = self._settler.settle(self._reports)
        self._reports.clear()
        self.changed = True
        return settled

    def silent(self, beats: Mapping[ClaimKey, float], rule: StallRule) -> Iterator[tuple[ClaimKey, str]]:
        """Running claims that have shown no progress for too long, with the reason in words."""
        if len(self._took_s) < ENOUGH_SEEN:
            return
        median_s = statistics.median(self._took_s)
        limit_s = max(rule.floor_s, rule.factor * median_s)
        for key in self.in_flight.keys() & beats.keys():
            if beats[key] > limit_s:
                yield (
                    key,
                    f"no progress for {beats[key]:.0f} s, where half of the items take {median_s:.1f} s",
                )

    def give_back(self) -> list[Claim]:
        """Return every lease to the queue; the claims that were in flight."""
        self._store.leases.return_leases(self.job_id, epoch=self.epoch)
        claims = [claim for claim, _ in self.in_flight.values()]
        self.in_flight.clear()
        self.doubtful.extend(claims)
        return claims

    def canary_verdict(self) -> str | None:
        """The reason to pause the job: most of its first items failed alike. None when all is well."""
        size = self.policy.canary
        counts = self._store.jobs.snapshot(self.job_id).counts
        settled = sum(counts[state] for state in ItemState if state.is_terminal) - counts[ItemState.SKIPPED]
        lost = self._store.items.lost_by_class(self.job_id)
        if settled > size:
            self._store.jobs.close_canary(self.job_id)
            return None
        kind, worst = max(lost.items(), key=lambda pair: pair[1], default=("", 0))
        if 2 * worst <= size:
            return None
        self._store.jobs.close_canary(self.job_id)
        return (
            f"{worst} of the first {settled} items failed alike ({kind}); look at them, then resume or cancel"
        )

    def _overdue(self) -> Iterator[tuple[Claim, Outcome]]:
        now = self._clock.now()
        reason = f"no report within {self.lease_s:g} s"
        for claim, deadline in self.in_flight.values():
            if deadline <= now:
                yield claim, Outcome(**claim.key._asdict(), outcome_class=OutcomeClass.TIMEOUT, reason=reason)
