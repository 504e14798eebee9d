"""The retry policy: an outcome and what came before it in, a decision with its reason out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from giornata.jobs.model.attempt import Outcome, OutcomeClass
from giornata.jobs.model.states import ItemState

MIN_TILE_PX = 64  # the smallest core a spec may ask for
TILE_STEP_PX = 16
ASSUMED_TILE_PX = 1024  # halved when a device ran out of memory without saying what tile it had chosen
LOST_WORKERS = 2  # one death may be chance; a picture that took two workers with it is set aside
BUG_RETRIES = 1  # a bug seldom mends itself; once more on another worker tells a sick machine from a bug


@dataclass(frozen=True)
class History:
    """The failures of an item before this outcome; `tile_px` is the tile that the attempt was told to use."""

    failures: int = 0
    lost_workers: int = 0
    tile_px: int | None = None
    cancelling: bool = False


@dataclass(frozen=True)
class Decision:
    """The next state of an item. `counted` failures use up retries; `hold_job_s` makes the whole job wait."""

    state: ItemState
    reason: str
    delay_s: float = 0.0
    counted: bool = False
    lost_worker: bool = False
    smaller_tile: bool = False
    tile_px: int | None = None
    hold_job_s: float = 0.0


@dataclass(frozen=True)
class RetryPolicy:
    """The number of retries, and their delays, which double from `first_delay_s` up to `longest_delay_s`."""

    retries: int = 2
    first_delay_s: float = 2.0
    longest_delay_s: float = 120.0
    waiting_delay_s: float = 3.0
    throttled_hold_s: float = 30.0
    credentials_hold_s: float = 120.0

    def with_retries(self, retries: int) -> "RetryPolicy":
        """The same policy with the number a job's spec asks for."""
        return replace(self, retries=retries)

    def decide(self, outcome: Outcome, history: History) -> Decision:
        """The decision on an outcome; every class has one."""
        if history.cancelling and outcome.outcome_class is not OutcomeClass.DONE:
            return Decision(ItemState.CANCELLED, "the job is being cancelled")
        return _ANSWERS[outcome.outcome_class](self, outcome, history)

    def _done(self, outcome: Outcome, history: History) -> Decision:
        return Decision(ItemState.DONE, outcome.reason)

    def _count(self, outcome: Outcome, history: History, retries: int | None = None) -> Decision:
        allowed = self.retries if retries is None else min(retries, self.retries)
        failures = history.failures + 1
        if failures > allowed:
            return Decision(ItemState.FAILED, _after(failures, outcome), counted=True)
        delay_s = self._delay_s(outcome, failures)
        return Decision(ItemState.QUEUED, outcome.reason, delay_s=delay_s, counted=True)

    def _bug(self, outcome: Outcome, history: History) -> Decision:
        return self._count(outcome, history, BUG_RETRIES)

    def _worker_lost(self, outcome: Outcome, history: History) -> Decision:
        if history.lost_workers + 1 >= LOST_WORKERS:
            reason = f"{LOST_WORKERS} workers died on it: {outcome.reason}"
            return Decision(ItemState.QUARANTINED, reason, lost_worker=True)
        return Decision(ItemState.QUEUED, outcome.reason, lost_worker=True)

    def _oom_device(self, outcome: Outcome, history: History) -> Decision:
        used_px = outcome.tile_px or history.tile_px or ASSUMED_TILE_PX
        tile_px = max(MIN_TILE_PX, used_px // 2 // TILE_STEP_PX * TILE_STEP_PX)
        if tile_px >= used_px:
            reason = f"{outcome.reason} (with the smallest tile, {used_px} px)"
            return Decision(ItemState.FAILED, reason, counted=True)
        reason = f"{outcome.reason}; again with {tile_px} px tiles"
        return Decision(ItemState.QUEUED, reason, smaller_tile=True, tile_px=tile_px)

    def _bad_input(self, outcome: Outcome, history: History) -> Decision:
        return Decision(ItemState.QUARANTINED, outcome.reason)

    def _quality(self, outcome: Outcome, history: History) -> Decision:
        # The same source and style come out the same: only a person can lower the bar or change the style.
        return Decision(ItemState.QUARANTINED, outcome.reason)

    def _target_taken(self, outcome: Outcome, history: History) -> Decision:
        return Decision(ItemState.FAILED, outcome.reason, counted=True)

    def _throttled(self, outcome: Outcome, history: History) -> Decision:
        return Decision(ItemState.QUEUED, outcome.reason, hold_job_s=self.throttled_hold_s)

    def _credentials(self, outcome: Outcome, history: History) -> Decision:
        return Decision(ItemState.QUEUED, outcome.reason, hold_job_s=self.credentials_hold_s)

    def _cancelled(self, outcome: Outcome, history: History) -> Decision:
        # Shutdown is not a failure: the item goes back as if it had never been claimed.
        return Decision(ItemState.QUEUED, outcome.reason)

    def _waiting(self, outcome: Outcome, history: History) -> Decision:
        # Another item is making what this one is cut from; it is asked again in a while.
        return Decision(ItemState.QUEUED, outcome.reason, delay_s=self.waiting_delay_s)

    def _delay_s(self, outcome: Outcome, failures: int) -> float:
        """Exponential back-off with a jitter of up to half, the same for the same item and attempt."""
        whole_s: float = min(self.longest_delay_s, self.first_delay_s * 2.0 ** (failures - 1))
        seed = f"{outcome.item_id}/{outcome.attempt}".encode()
        share = int.from_bytes(hashlib.blake2b(seed, digest_size=4).digest(), "big") / 2**32
        return whole_s * (0.5 + share / 2)


def _after(failures: int, outcome: Outcome) -> str:
    return outcome.reason if failures == 1 else f"{outcome.reason} (after {failures} failed attempts)"


_Answer = Callable[[RetryPolicy, Outcome, History], Decision]
_ANSWERS: dict[OutcomeClass, _Answer] = {
    OutcomeClass.DONE: RetryPolicy._done,
    OutcomeClass.TRANSIENT_IO: RetryPolicy._count,
    OutcomeClass.TIMEOUT: RetryPolicy._count,
    OutcomeClass.BUG: RetryPolicy._bug,
    OutcomeClass.WORKER_LOST: RetryPolicy._worker_lost,
    OutcomeClass.OOM_DEVICE: RetryPolicy._oom_device,
    OutcomeClass.BAD_INPUT: RetryPolicy._bad_input,
    OutcomeClass.QUALITY: RetryPolicy._quality,
    OutcomeClass.TARGET_TAKEN: RetryPolicy._target_taken,
    OutcomeClass.THROTTLED: RetryPolicy._throttled,
    OutcomeClass.CREDENTIALS: RetryPolicy._credentials,
    OutcomeClass.CANCELLED: RetryPolicy._cancelled,
    OutcomeClass.WAITING: RetryPolicy._waiting,
}
