"""Runs an optimisation in one process: scale by scale, step by step, from its last checkpoint."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from giornata.atomic_file import atomic_write
from giornata.styles.optimization.coordinator import Coordinator, Operation, Position, StepDone, Superstep
from giornata.styles.optimization.objective import LossParts
from giornata.styles.optimization.optimizer_shard import DotProducts
from giornata.workers.optimization.history_writer import LOSSES, HistoryWriter, history_of, write_history
from giornata.workers.optimization.loss_history import small_picture
from giornata.workers.optimization.scale import DONE, Optimization, lay_out, open_scale
from giornata.workers.optimization.tile_optimizer import TileOptimizer, sum_products
from giornata.workers.tiling.arrays import silent

CHECKPOINTS, POSITION = "checkpoints", "position.pt"
PREVIEW_PX = 768
KEEP_EVERY_S = 60.0
SAVING_PAUSES = 10.0  # times what the last one took: saving takes a tenth of the time at most


@dataclass(frozen=True)
class OptimizationProgress:
    """A finished step as people see it; `left_s` guesses from pixels and steps to come."""

    scale: int
    scales: int
    width: int
    height: int
    step: int
    steps: int
    loss: LossParts
    seconds: float
    left_s: float
    preview: Path | None = None


@dataclass(frozen=True)
class OptimizationPosition:
    """Where an optimisation stands on disk: the scale at hand, its checkpoint and the position in it."""

    scale: int
    checkpoint: Path | None = None
    position: Position | None = None


def position_of(work: Optimization) -> OptimizationPosition:
    """The newest checkpoint of the first scale that is not done."""
    scale = work.finished()
    checkpoints = sorted((work.folder / CHECKPOINTS).glob(f"{scale:02d}-*[0-9]"))
    if not checkpoints:
        return OptimizationPosition(scale)
    return OptimizationPosition(
        scale, checkpoints[-1], position_from(torch.load(checkpoints[-1] / POSITION, weights_only=True))
    )


def pause_after(saving_s: float, *, least_s: float) -> float:
    """Seconds until the next checkpoint: the state of a large picture is gigabytes, 300 bytes a pixel.

    Where `least_s` is 0 there is one after every step.
    """
    return max(least_s, SAVING_PAUSES * saving_s) if least_s else 0.0


def new_checkpoint(work: Optimization, scale: int, step: int) -> Path:
    """An empty folder to save tiles in, which `seal_checkpoint` makes count."""
    part = work.folder / CHECKPOINTS / f"{scale:02d}-{step:06d}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part


def seal_checkpoint(part: Path, position: Position) -> Path:
    """Add the position, make the checkpoint count, and remove the older ones."""
    torch.save(position_record(position), part / POSITION)
    sealed = part.with_suffix("")
    shutil.rmtree(sealed, ignore_errors=True)
    part.replace(sealed)
    for older in sealed.parent.iterdir():
        if older != sealed:
            shutil.rmtree(older, ignore_errors=True)
    return sealed


def optimize(
    work: Optimization,
    *,
    tick: Callable[[], None] = silent,
    keep_every_s: float = KEEP_EVERY_S,
    lanes: int = 1,
) -> Iterator[OptimizationProgress]:
    """Go on from where the work stands to its end, yielding every step. Raises `StyleError`."""
    encoder = work.loaded_encoder()
    while work.finished() < len(work.scales):
        position_on_disk = position_of(work)
        if position_on_disk.checkpoint is None:
            lay_out(work, position_on_disk.scale, encoder, tick=tick, lanes=lanes)
        optimizer = open_scale(
            work,
            position_on_disk.scale,
            encoder,
            checkpoint=position_on_disk.checkpoint,
            tick=tick,
            lanes=lanes,
        )
        yield from _one_scale(work, position_on_disk, optimizer, keep_every_s)


class SuperstepDriver:
    """Asks a coordinator for one superstep after another, handing it what the tiles answered to the last."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._supersteps = coordinator.run()
        self._asked: Superstep | StepDone | None = None

    def next(self, answer: Any = None) -> Superstep | StepDone | Position:
        """The next event: a superstep to run, a step that is done, or the position at the end of the scale.

        `answer` is what the last superstep returned: `LossParts` for REDUCE, `DotProducts` by tile for DOT.
        """
        if isinstance(self._asked, Superstep) and self._asked.verb is Operation.DOT:
            answer = sum_products(answer)
        try:
            self._asked = self._supersteps.send(answer)
        except StopIteration as end:
            position: Position = end.value
            return position
        return self._asked


def run_supersteps(coordinator: Coordinator, run: Callable[[Superstep], Any]) -> Iterator[StepDone]:
    """Run the supersteps of a scale by `run`, yielding the steps that they make."""
    driver = SuperstepDriver(coordinator)
    superstep = driver.next()
    while not isinstance(superstep, Position):
        if isinstance(superstep, Superstep):
            superstep = driver.next(run(superstep))
        else:
            yield superstep
            superstep = driver.next()


def _one_scale(
    work: Optimization, position_on_disk: OptimizationPosition, optimizer: TileOptimizer, keep_every_s: float
) -> Iterator[OptimizationProgress]:
    every, scale = range(len(optimizer.arrays.grid)), work.scales[position_on_disk.scale]
    coordinator = Coordinator(work.options, steps=scale.steps, position=position_on_disk.position)
    kept_at, course = time.monotonic(), HistoryWriter(work)
    for done in run_supersteps(coordinator, lambda superstep: optimizer.run(superstep, every)):
        if time.monotonic() - kept_at >= keep_every_s:
            began = time.monotonic()
            part = new_checkpoint(work, position_on_disk.scale, done.position.step)
            optimizer.save(every, part)
            seal_checkpoint(part, done.position)
            kept_at = time.monotonic()
            keep_every_s = pause_after(kept_at - began, least_s=keep_every_s)
        progress = progress_of(work, position_on_disk.scale, done)
        course.write(position_on_disk.scale, done, progress.left_s)
        yield progress
    optimizer.finish(every)
    yield close_scale(work, position_on_disk.scale, coordinator.position)


def close_scale(work: Optimization, index: int, position: Position) -> OptimizationProgress:
    """Mark a scale whose results are in its picture as done, with its losses; and show it."""
    preview = write_preview(work, index)
    torch.save([asdict(parts) for parts in position.losses], work.scale_folder(index) / LOSSES)
    write_history(work, history_of(work, index, position))
    (work.scale_folder(index) / DONE).touch()
    done = progress_of(work, index, StepDone(position, work.scales[index].steps, 0.0))
    return OptimizationProgress(**{**_shallow(done), "preview": preview})


def _shallow(progress: OptimizationProgress) -> dict[str, Any]:
    return {name: getattr(progress, name) for name in progress.__dataclass_fields__}


def progress_of(work: Optimization, index: int, done: StepDone) -> OptimizationProgress:
    """The `OptimizationProgress` of a step."""
    scale = work.scales[index]
    area = scale.width * scale.height
    to_come = area * (scale.steps - done.position.step)
    to_come += sum(
        later_scale.width * later_scale.height * later_scale.steps for later_scale in work.scales[index + 1 :]
    )
    return OptimizationProgress(
        scale=index + 1,
        scales=len(work.scales),
        width=scale.width,
        height=scale.height,
        step=done.position.step,
        steps=scale.steps,
        loss=done.loss,
        seconds=done.seconds,
        left_s=done.seconds / area * to_come,
    )


def write_preview(work: Optimization, index: int) -> Path:
    """A small JPEG of a scale's picture as it is now."""
    scale = work.scales[index]
    path = work.folder / f"preview-{index:02d}.jpg"
    small = small_picture(work.scale_folder(index), scale.width, scale.height, side_px=PREVIEW_PX)
    with atomic_write(path) as part:
        small.save(part, format="JPEG", quality=85)
    return path


def losses_of(work: Optimization) -> list[list[dict[str, float]]]:
    """The loss curves of the finished scales."""
    return [
        torch.load(work.scale_folder(index) / LOSSES, weights_only=True) for index in range(work.finished())
    ]


def position_record(position: Position) -> dict[str, Any]:
    """A position as plain values and tensors."""
    products = position.products
    return {
        "step": position.step,
        "losses": [asdict(parts) for parts in position.losses],
        "rate": position.rate,
        "halvings": position.halvings,
        "table": position.table,
        "products": None
        if products is None
        else (products.rows, products.slope, products.reach, products.count),
    }


def position_from(record: dict[str, Any]) -> Position:
    """The inverse of `position_record`."""
    return Position(
        step=record["step"],
        losses=tuple(LossParts(**parts) for parts in record["losses"]),
        rate=record["rate"],
        halvings=record["halvings"],
        table=record["table"],
        products=None if record["products"] is None else DotProducts(*record["products"]),
    )
