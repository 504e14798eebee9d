"""`Spreads`: the large pictures in line, one at a time on all workers, and what each of them has cost."""

import time
from collections import Counter, deque
from collections.abc import Collection, Sequence

from giornata.cluster.actors import OutcomeKind
from giornata.cluster.endings import ended
from giornata.cluster.result import Result
from giornata.cluster.spread import PictureSpread, Spreading, SpreadKey, Step, Wanted
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.jobs.model.ports import ClaimKey

LOSSES_PER_SPREAD = 4  # a large picture uses every worker, so it may lose a few before it is the suspect


class Spreads:
    """Says which calls a spread picture wants next; makes none itself."""

    def __init__(self) -> None:
        self._line: deque[PictureSpread] = deque()
        self._losses: Counter[ClaimKey] = Counter()

    def __bool__(self) -> bool:
        return bool(self._line)

    def begin(self, claim: Claim, spreading: Spreading, workers: Sequence[str]) -> list[Wanted]:
        """Put a decoded picture in line; the calls it wants now."""
        self._line.append(spreading.led(claim, workers, time.monotonic() - spreading.seconds))
        return self._line[0].begin() if len(self._line) == 1 else []

    def take(self, key: SpreadKey, result: Result) -> tuple[list[Wanted], Outcome | None]:
        """Record a result: the calls it makes possible, and the report when it ends its picture."""
        spread = self._line[0] if self._line else None
        if spread is None or spread.claim.key != key.claim_key:
            return [], None  # of a picture that has been given up
        if result.kind is OutcomeKind.OK and key.step is Step.DELIVER:
            seconds = time.monotonic() - spread.started_s
            done = result.value.model_copy(update={"worker": result.worker, "seconds": seconds})
            return self._end(), done
        if result.kind is OutcomeKind.OK:
            spread.settle_holder(key, result.worker)
            return spread.take(key, result.value), None
        self._losses[key.claim_key] += result.suspect
        if result.kind is OutcomeKind.WORKER_LOST and self._losses[key.claim_key] < LOSSES_PER_SPREAD:
            return spread.again(key), None
        return self._end(), ended(spread.claim, result)

    def drop(self, keys: Collection[ClaimKey]) -> list[Wanted]:
        """Give these pictures up; the calls of the one that comes to the front."""
        front = self._line[0] if self._line else None
        for spread in [one for one in self._line if one.claim.key in keys]:
            self._line.remove(spread)
            self._losses.pop(spread.claim.key, None)
            spread.clear()
        return self._line[0].begin() if self._line and self._line[0] is not front else []

    def clear(self) -> None:
        """Give all of them up."""
        for spread in self._line:
            spread.clear()
        self._line.clear()
        self._losses.clear()

    def _end(self) -> list[Wanted]:
        return self.drop([self._line[0].claim.key])
