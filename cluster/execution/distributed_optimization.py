"""One optimisation on many workers: the conductor's rounds as calls, checkpoints between them.

Tiles stay with their worker, which holds their part of the optimiser. When a worker is lost all go back to
the last checkpoint: at most so much is done again as lies between two of them.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from giornata.cluster.execution.distributed_render import (
    CallKey,
    DistributedRenderStart,
    DistributedWork,
    PendingCall,
    Step,
)
from giornata.cluster.execution.optimization_actor import ActorCommand, Command, Opened
from giornata.cluster.execution.worker import Call
from giornata.jobs.model.attempt import Claim
from giornata.styles.optimization.coordinator import (
    Coordinator,
    Operation,
    Position,
    StepDone,
    Superstep,
)
from giornata.workers.optimization.history_writer import HistoryWriter
from giornata.workers.optimization.runner import (
    SuperstepDriver,
    new_checkpoint,
    pause_after,
    progress_of,
    seal_checkpoint,
)
from giornata.workers.optimization.scale import Optimization

log = logging.getLogger(__name__)
SHARED = (Command.RUN, Command.SAVE, Command.FINISH)
SAY_EVERY_S = 30.0


class DistributedOptimizationStart(DistributedRenderStart):
    """A picture to be optimised by several workers."""

    optimisation: Optimization
    keep_every_s: float = 60.0

    def led(self, claim: Claim, workers: Sequence[str], started_s: float) -> DistributedWork:
        """See `DistributedRenderStart.led`."""
        return DistributedOptimization(claim, self, workers, started_s)


@dataclass
class DistributedOptimization:
    """See `DistributedWork`: rounds of the conductor."""

    claim: Claim
    spreading: DistributedOptimizationStart
    workers: Sequence[str]
    started_s: float
    position: Position | None = None
    _generation: int = 0
    _serial: int = 0
    _scale: int = 0
    _command: ActorCommand | None = None
    _groups: list[tuple[int, ...]] = field(default_factory=list)
    _holders: list[str | None] = field(default_factory=list)
    _open: set[CallKey] = field(default_factory=set)
    _answers: dict[int, Any] = field(default_factory=dict)
    _driver: SuperstepDriver | None = None
    _broken: bool = False
    _kept_s: float = 0.0
    _said_s: float = 0.0
    _painting_since_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._course = HistoryWriter(self.work)
        self._pause_s = self.spreading.keep_every_s

    @property
    def work(self) -> Optimization:
        """What is being optimised."""
        return self.spreading.optimisation

    def begin(self) -> list[PendingCall]:
        """Open the scale that is not done, at its checkpoint."""
        self._generation += 1
        self._broken, self._driver = False, None
        return self._ask(ActorCommand(Command.OPEN))

    def take(self, key: CallKey, value: Any) -> list[PendingCall]:
        """Record a result; returns the calls it makes possible."""
        if key not in self._open:
            return []
        self._open.discard(key)
        self._answers[key.group] = value
        return self._go_on()

    def again(self, key: CallKey) -> list[PendingCall]:
        """Back to the checkpoint, after a worker was lost and as soon as the others are through."""
        if key.step is Step.DELIVER:
            return [self._deliver()]
        self._open.discard(key)
        self._broken = True
        return self._go_on()

    def settle_holder(self, key: CallKey, worker: str) -> None:
        """Remember which worker has a group."""
        if key in self._open and self._command is not None and not is_done_once(self._command):
            self._holders[key.group] = worker

    def clear(self) -> None:
        """Remove the picture's scratch files, unless they are to outlive this attempt."""
        self.spreading.clear()

    def _go_on(self) -> list[PendingCall]:
        if self._open:
            return []
        if self._broken:
            log.warning("%s: a worker was lost, back to the last checkpoint", self.claim.task.item_id)
            self._holders = [None] * len(self._groups)
            return self.begin()
        assert self._command is not None  # noqa: S101
        match self._command.verb:
            case Command.OPEN:
                return self._opened(self._answers[0])
            case Command.RUN:
                return self._advance(self._combined())
            case Command.SAVE:
                return self._saved()
            case Command.FINISH:
                return self._ask(ActorCommand(Command.CLOSE, self._scale, position=self.position))
            case Command.CLOSE:
                return self.begin()
            case Command.WRITE_CANVAS:
                return [self._deliver()]

    def _opened(self, opened: Opened) -> list[PendingCall]:
        if opened.position_on_disk is None:
            return self._ask(ActorCommand(Command.WRITE_CANVAS))
        self._scale, self.position = opened.position_on_disk.scale, opened.position_on_disk.position
        count = min(len(self.workers), opened.tiles)
        cuts = [opened.tiles * i // count for i in range(count + 1)]
        self._groups = [tuple(range(a, b)) for a, b in pairwise(cuts)]
        lost = len(self._holders) == count and not any(self._holders)
        self._holders = [None] * count if lost else list(self.workers[:count])
        steps = self.work.scales[self._scale].steps
        coordinator = Coordinator(self.work.options, steps=steps, position=self.position)
        self._driver, self._kept_s = SuperstepDriver(coordinator), time.monotonic()
        return self._advance(None)

    def _advance(self, answer: Any) -> list[PendingCall]:
        """Let the coordinator decide, up to the next thing that workers must do."""
        assert self._driver is not None  # noqa: S101
        while True:
            superstep, answer = self._driver.next(answer), None
            if isinstance(superstep, Position):
                self.position = superstep
                return self._ask(ActorCommand(Command.FINISH, self._scale, self._generation))
            if isinstance(superstep, Superstep):
                return self._ask(
                    ActorCommand(Command.RUN, self._scale, self._generation, superstep=superstep)
                )
            self.position = superstep.position
            self._say(superstep)
            if time.monotonic() - self._kept_s >= self._pause_s:
                self._kept_s = time.monotonic()
                part = new_checkpoint(self.work, self._scale, superstep.position.step)
                return self._ask(ActorCommand(Command.SAVE, self._scale, self._generation, folder=part))

    def _saved(self) -> list[PendingCall]:
        assert self._command is not None  # noqa: S101
        assert self._command.folder is not None  # noqa: S101
        assert self.position is not None  # noqa: S101
        seal_checkpoint(Path(self._command.folder), self.position)
        now = time.monotonic()
        self._pause_s = pause_after(now - self._kept_s, least_s=self.spreading.keep_every_s)
        self._kept_s = now
        return self._advance(None)

    def _say(self, done: StepDone) -> None:
        now = progress_of(self.work, self._scale, done)
        self._course.write(self._scale, done, now.left_s)
        if time.monotonic() - self._said_s >= SAY_EVERY_S:
            self._said_s = time.monotonic()
            log.info(
                "%s: scale %d of %d, step %d of %d, loss %.4g, %.2f s a step, %.0f s left",
                self.claim.task.item_id,
                *(now.scale, now.scales, now.step, now.steps, now.loss.total, now.seconds, now.left_s),
            )

    def _combined(self) -> Any:
        """The answers of all groups in the form that the coordinator takes."""
        assert self._command is not None  # noqa: S101
        superstep = self._command.superstep
        if superstep is not None and superstep.verb is Operation.DOT:
            return {tile: products for part in self._answers.values() for tile, products in part.items()}
        return self._answers[0]

    def _ask(self, command: ActorCommand) -> list[PendingCall]:
        """The calls of an order: one for each group, or one for any worker."""
        self._command, self._answers = command, {}
        self._serial += 1
        groups = [()] if is_done_once(command) else self._groups
        return [self._wanted(replace(command, tiles=tiles), group) for group, tiles in enumerate(groups)]

    def _wanted(self, command: ActorCommand, group: int) -> PendingCall:
        key = CallKey(self.claim.key, Step.OPTIMISE, self._serial, group)
        self._open.add(key)
        args = (self.claim, self.spreading.prepared, command)
        holder = self._holders[group] if self._holders and command.verb in SHARED else None
        return PendingCall(Call(key, "optimise", args, self.claim.task.timeout_s), holder)

    def _deliver(self) -> PendingCall:
        key = CallKey(self.claim.key, Step.DELIVER, self._serial + 1)
        painted = self.spreading.prepared.timed("style", self._painting_since_s)
        args = (self.claim, painted, ())
        return PendingCall(Call(key, "deliver", args, self.claim.task.timeout_s))


def is_done_once(command: ActorCommand) -> bool:
    """Whether one worker runs the command for all tiles."""
    return command.verb not in SHARED or (
        command.superstep is not None and command.superstep.verb is Operation.REDUCE
    )
