"""One picture on many workers: who has which tiles, which phase they are in, and what comes next.

Where features wait in memory, tiles stay with their worker through the phases; where they wait on disk, any
worker takes the next few tiles. When a worker is lost its tiles go to another, which goes on from the disk or
replays them from the totals known so far; nothing else is done again.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from giornata.cluster.execution.worker import Call
from giornata.jobs.model.attempt import Claim, ClaimKey
from giornata.styles.moments import Moments, Totals, summed
from giornata.workers.rendering.prepared import PreparedImage
from giornata.workers.tiling.feature_plan import FeaturePlacement

CALLS_PER_WORKER = 4  # a step is cut so fine, that workers end it together
MOST_TILES = 32  # what a lost worker may cost


class Step(StrEnum):
    """The step of a spread picture that the workers are at."""

    BORROW = "borrow"
    PHASE = "phase"
    PAINT = "paint"
    OPTIMISE = "optimise"
    DELIVER = "deliver"


@dataclass(frozen=True)
class CallKey:
    """Names one call of a spread picture; equal keys mean the same work."""

    claim_key: ClaimKey
    step: Step
    phase: int = 0
    group: int = 0


@dataclass(frozen=True)
class PendingCall:
    """A call, and the worker that holds what it needs (None: any)."""

    call: Call
    worker: str | None = None


class DistributedWork(Protocol):
    """The progress of one picture on many workers, driven by results; makes no calls itself."""

    claim: Claim
    started_s: float

    def begin(self) -> list[PendingCall]:
        """The first calls."""
        ...

    def take(self, key: CallKey, value: Any) -> list[PendingCall]:
        """Record a result; returns the calls it makes possible."""
        ...

    def again(self, key: CallKey) -> list[PendingCall]:
        """The calls in place of one whose worker was lost."""
        ...

    def settle_holder(self, key: CallKey, worker: str) -> None:
        """Remember which worker took a group that had lost its own."""
        ...

    def clear(self) -> None:
        """Remove the picture's scratch files, unless they are to outlive this attempt."""
        ...


class DistributedRenderStart(BaseModel):
    """A decoded picture of several tiles, handed back by its worker so that all can share it."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    prepared: PreparedImage
    tiles: int
    phases: int = 0
    needs_totals: bool = False
    totals: Totals = ()  # what an earlier process had found of them
    seconds: float = 0.0  # what decoding took

    def led(self, claim: Claim, workers: Sequence[str], started_s: float) -> DistributedWork:
        """The distributed work on this picture, about to begin."""
        return DistributedRender(claim, self, workers, started_s)

    def clear(self) -> None:
        """Remove the picture's scratch files, unless they are to outlive this attempt."""
        if not self.prepared.lasting:
            shutil.rmtree(self.prepared.folder, ignore_errors=True)


@dataclass
class DistributedRender:
    """See `DistributedWork`: phases, then tiles."""

    claim: Claim
    spreading: DistributedRenderStart
    workers: Sequence[str]
    started_s: float
    totals: Totals = ()
    step: Step = Step.PHASE
    _painting_since_s: float = 0.0
    _partials: dict[int, Moments] = field(default_factory=dict)
    _open: set[CallKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.totals = self.spreading.totals
        tiles, count = self.spreading.tiles, min(len(self.workers), self.spreading.tiles)
        self.is_bound = self.spreading.prepared.feature_plan.keep is not FeaturePlacement.DISK
        if not self.is_bound:
            count = max(count * CALLS_PER_WORKER, -(-tiles // MOST_TILES))
        # Neighbouring tiles go to one worker: their pixels come from the same pages of the source.
        cuts = [tiles * i // count for i in range(count + 1)]
        self.groups = [tuple(range(a, b)) for a, b in pairwise(cuts) if a < b]
        bound = self.workers[: len(self.groups)] if self.is_bound else [None] * len(self.groups)
        self.holders: list[str | None] = list(bound)

    def begin(self) -> list[PendingCall]:
        """The first calls; totals that an earlier process has found are not looked for again."""
        self._painting_since_s = time.monotonic()
        if len(self.totals) == self.spreading.phases:
            self.step = Step.PAINT
        else:
            self.step = Step.PHASE if self.spreading.needs_totals else Step.BORROW
        return self._calls()

    def take(self, key: CallKey, value: Any) -> list[PendingCall]:
        """Record a result; returns the calls it makes possible."""
        self._open.discard(key)
        if key.step is Step.PHASE:
            self._partials |= value
        elif key.step is Step.BORROW:
            self.totals = value
        if self._open:
            return []
        self._next_step()
        return self._calls()

    def again(self, key: CallKey) -> list[PendingCall]:
        """The same work for any worker, after its holder was lost."""
        if key.step in (Step.PHASE, Step.PAINT):
            self.holders[key.group] = None
        return [self._wanted(key)]

    def settle_holder(self, key: CallKey, worker: str) -> None:
        """Remember which worker took a group that had lost its own."""
        if key.step is Step.PHASE and self.is_bound:
            self.holders[key.group] = worker

    def clear(self) -> None:
        """Remove the picture's scratch files, unless they are to outlive this attempt."""
        self.spreading.clear()

    def _next_step(self) -> None:
        if self.step is Step.PHASE:
            self.totals = (*self.totals, summed(self._partials[i] for i in range(self.spreading.tiles)))
            self._partials = {}
            if len(self.totals) == self.spreading.phases:
                self.step = Step.PAINT
        elif self.step is Step.BORROW:
            self.step = Step.PAINT
        elif self.step is Step.PAINT:
            self.step = Step.DELIVER

    def _calls(self) -> list[PendingCall]:
        count = len(self.groups) if self.step in (Step.PHASE, Step.PAINT) else 1
        keys = [CallKey(self.claim.key, self.step, len(self.totals), group) for group in range(count)]
        self._open = set(keys)
        return [self._wanted(key) for key in keys]

    def _wanted(self, key: CallKey) -> PendingCall:
        prepared, limit_s = self.spreading.prepared, self.claim.task.timeout_s
        if key.step is Step.BORROW:
            return PendingCall(Call(key, "borrowed", (self.claim, prepared), limit_s))
        if key.step is Step.DELIVER:
            painted = prepared.timed("style", self._painting_since_s)
            return PendingCall(Call(key, "deliver", (self.claim, painted, self.totals), limit_s))
        method = "partials" if key.step is Step.PHASE else "paint"
        args = (self.claim, prepared, self.groups[key.group], self.totals)
        return PendingCall(Call(key, method, args, limit_s), self.holders[key.group])
