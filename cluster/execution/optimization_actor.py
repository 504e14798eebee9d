"""What a render actor does for an optimisation that is spread: a verb a call, on tiles that stay with it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from giornata.jobs.model.task import RenderTask
from giornata.lru_dict import LruDict
from giornata.styles.optimization.coordinator import Position, Superstep
from giornata.workers.device import memory_errors
from giornata.workers.optimization.runner import OptimizationPosition, close_scale, position_of
from giornata.workers.optimization.scale import Optimization, lay_out, open_scale
from giornata.workers.optimization.tile_optimizer import TileOptimizer
from giornata.workers.rendering.context import RenderContext
from giornata.workers.rendering.paint import optimization_of, write_to_canvas
from giornata.workers.rendering.prepared import PreparedImage

OPTIMIZERS = 2  # scales an actor holds at once


class Command(StrEnum):
    """The verb of a call; RUN, SAVE and FINISH are for some tiles, the others are done once."""

    OPEN = "open"
    RUN = "run"
    SAVE = "save"
    FINISH = "finish"
    CLOSE = "close"
    WRITE_CANVAS = "write_canvas"


@dataclass(frozen=True)
class ActorCommand:
    """One call. `generation` rises when tiles go back to a checkpoint: what was held before is void."""

    verb: Command
    scale: int = 0
    generation: int = 0
    tiles: tuple[int, ...] = ()
    superstep: Superstep | None = None
    folder: Path | None = None
    position: Position | None = None


@dataclass(frozen=True)
class Opened:
    """A scale ready to run: its tiles, and its place on disk; None when all scales are done."""

    tiles: int = 0
    position_on_disk: OptimizationPosition | None = None


class OptimizationActor:
    """The tile optimisers of one actor."""

    def __init__(self, context: RenderContext) -> None:
        self.context = context
        self._held = LruDict[tuple[str, int, int], TileOptimizer](OPTIMIZERS)

    def do(self, task: RenderTask, prepared: PreparedImage, command: ActorCommand) -> Any:
        """Carry out an order. Raises `StyleError`, `OutOfMemory`, and `Cancelled` between tiles."""
        work = optimization_of(self.context, task, prepared)
        with memory_errors(work.core_px):
            match command.verb:
                case Command.OPEN:
                    return self._open(work)
                case Command.RUN if command.superstep is not None:
                    return self._optimizer(work, command).run(command.superstep, command.tiles)
                case Command.SAVE if command.folder is not None:
                    return self._optimizer(work, command).save(command.tiles, command.folder)
                case Command.FINISH:
                    return self._optimizer(work, command).finish(command.tiles)
                case Command.CLOSE if command.position is not None:
                    return close_scale(work, command.scale, command.position)
                case _:
                    return write_to_canvas(self.context, task, prepared, work)

    def _open(self, work: Optimization) -> Opened:
        position_on_disk, encoder = position_of(work), work.loaded_encoder()
        if position_on_disk.scale == len(work.scales):
            return Opened()
        if position_on_disk.checkpoint is None:
            context = self.context
            lay_out(work, position_on_disk.scale, encoder, tick=context.tick, lanes=context.settings.lanes)
        return Opened(len(work.grid(position_on_disk.scale, encoder)), position_on_disk)

    def _optimizer(self, work: Optimization, command: ActorCommand) -> TileOptimizer:
        key = (str(work.folder), command.scale, command.generation)
        if key not in self._held:
            self._held[key] = open_scale(
                work,
                command.scale,
                work.loaded_encoder(),
                checkpoint=position_of(work).checkpoint,
                tick=self.context.tick,
                lanes=self.context.settings.lanes,
            )
        return self._held[key]
