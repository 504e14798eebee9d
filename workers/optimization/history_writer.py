"""Writes the losses of an optimisation while it runs: about once a second, and at the end of every scale."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from giornata.atomic_file import atomic_write
from giornata.styles.optimization.coordinator import Position, StepDone
from giornata.styles.optimization.objective import LossParts
from giornata.workers.optimization.loss_history import HISTORY, PARTS, LossHistory, ScaleHistory
from giornata.workers.optimization.scale import Optimization

LOSSES = "losses.pt"


EVERY_S = 1.0


SHOWN_POINTS = 120  # of all scales together: two or three kilobytes


DIGITS = 5


@dataclass
class HistoryWriter:
    """Writes the course of `work`, at most once in `every_s` seconds."""

    work: Optimization
    every_s: float = EVERY_S
    _at_s: float = field(default=-float("inf"))

    def write(self, index: int, done: StepDone, left_s: float) -> None:
        """Write the history after a step of the scale `index`, if it is time."""
        if time.monotonic() - self._at_s < self.every_s:
            return
        write_history(self.work, history_of(self.work, index, done.position, done.seconds, left_s))
        self._at_s = time.monotonic()


def history_of(
    work: Optimization,
    index: int,
    position: Position,
    step_s: float | None = None,
    left_s: float | None = None,
) -> LossHistory:
    """The loss history with the scale `index` at this position."""
    earlier = [
        [LossParts(**parts) for parts in torch.load(work.scale_folder(i) / LOSSES, weights_only=True)]
        for i in range(index)
    ]
    losses = [*earlier, position.losses]
    most = max(2, SHOWN_POINTS // len(work.scales))
    curves = tuple(
        _curve(scale.width, scale.height, scale.steps, scale_losses, most)
        for scale, scale_losses in zip(work.scales, losses, strict=False)
    )
    rounded = None if left_s is None else round(left_s, 1)
    return LossHistory(scales=len(work.scales), curves=curves, step_s=step_s or None, left_s=rounded)


def _curve(width: int, height: int, steps: int, losses: Sequence[LossParts], most: int) -> ScaleHistory:
    at = thinned(len(losses), most)
    parts = {name: tuple(float(f"{getattr(losses[i], name):.{DIGITS}g}") for i in at) for name in PARTS}
    return ScaleHistory(width=width, height=height, steps=steps, at=at, **parts)


def thinned(count: int, most: int) -> tuple[int, ...]:
    """At most `most` of the numbers below `count`, evenly apart, the first and the last among them."""
    if count <= most:
        return tuple(range(count))
    return tuple(round(i * (count - 1) / (most - 1)) for i in range(most))


def write_history(work: Optimization, course: LossHistory) -> None:
    """Write the history beside the work, whole or not at all."""
    with atomic_write(work.folder / HISTORY) as part:
        part.write_text(course.model_dump_json())
