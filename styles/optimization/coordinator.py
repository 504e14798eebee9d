"""The conductor of one scale: asks for rounds over all tiles, and decides from the numbers it is sent.

It is a generator and touches no pixel: its driver, a loop over tiles or a cluster, sees the same
decisions, and its `Position` is all that a checkpoint needs beside the tiles' own state.
"""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from torch import Tensor

from giornata.styles.errors import Diverged
from giornata.styles.optimization.lbfgs import Direction, LbfgsHistory, Point, strong_wolfe
from giornata.styles.optimization.objective import LossParts
from giornata.styles.optimization.optimizer_shard import (
    AdamStep,
    Average,
    DotProducts,
    LineStep,
    NewDirection,
    Order,
)
from giornata.styles.optimization.options import GatysOptions, Optimiser

HALVINGS = 10
RISE_LBFGS = 3.0  # against the step before
FIRST_STEP = 1e-4  # of the range, on average: small against a level, large against rounding
RISE_ADAM = 10.0  # against the start of the scale: Adam may climb a little


class Operation(StrEnum):
    """What is done in a superstep; REDUCE is done once, all others by every tile."""

    FORWARD = "forward"
    REDUCE = "reduce"
    BACKWARD = "backward"
    DOT = "dot"
    UPDATE = "update"


@dataclass(frozen=True)
class Superstep:
    """One superstep. REDUCE answers `LossParts`, DOT the `DotProducts` of all tiles, the others None.

    Sums and signals are megabytes and stay where the tiles are; what comes here is a few numbers.
    """

    verb: Operation
    order: Order | None = None


@dataclass(frozen=True)
class Position:
    """Where a scale stands after a step: enough to go on as if nothing had happened."""

    step: int = 0
    losses: tuple[LossParts, ...] = ()
    rate: float = 0.0
    halvings: int = 0
    table: Tensor | None = None
    products: DotProducts | None = None


@dataclass(frozen=True)
class StepDone:
    """A finished step, for progress displays and checkpoints."""

    position: Position
    steps: int
    seconds: float

    @property
    def loss(self) -> LossParts:
        """The newest loss."""
        return self.position.losses[-1]


Supersteps = Generator[Superstep | StepDone, Any, Position]
Asking = Generator[Superstep, Any, LossParts]


class Coordinator:
    """Conducts `steps` steps of one scale from a position; `run` is the generator."""

    def __init__(self, options: GatysOptions, *, steps: int, position: Position | None = None) -> None:
        self.options, self.steps = options, steps
        self.position = position or Position(rate=self.options.resolved_rate)
        self.memory = LbfgsHistory(self.options.history, self.position.table)

    def run(self) -> Supersteps:
        """Yield rounds, and a `StepDone` after each step; return the last position. Raises `Diverged`."""
        if self.position.products is None:
            parts = yield from self._loss()
            self._check_start(parts)
            products = yield from self._gradient()
            self.position = replace(self.position, losses=(parts,), products=products)
        while self.position.step < self.steps:
            started = time.monotonic()
            lbfgs = self.options.optimiser is Optimiser.LBFGS
            moved = yield from (self._lbfgs() if lbfgs else self._adam())
            if not moved:
                break
            if self.options.averaging:
                yield Superstep(Operation.UPDATE, Average(self.options.averaging))
            yield StepDone(self.position, self.steps, time.monotonic() - started)
        return self.position

    def _check_start(self, parts: LossParts) -> None:
        if not math.isfinite(parts.total):
            raise Diverged(0, parts.total, 0)

    def _loss(self) -> Asking:
        yield Superstep(Operation.FORWARD)
        parts: LossParts = yield Superstep(Operation.REDUCE)
        return parts

    def _gradient(self) -> Generator[Superstep, Any, DotProducts]:
        yield Superstep(Operation.BACKWARD)
        products: DotProducts = yield Superstep(Operation.DOT)
        return products

    def _lbfgs(self) -> Generator[Superstep, Any, bool]:
        products = self.position.products
        assert products is not None  # noqa: S101 - `run` sees to it
        fresh = self.position.step == 0 or self.position.halvings > 0
        way = self.memory.steepest(products) if fresh else self.memory.next(products)
        if not way.slope < 0 and not fresh:
            way = self.memory.steepest(products)
        if not way.slope < 0:
            return False
        rate = self.position.rate
        # Nothing is known of curvature at first: a step that is felt and does no harm.
        first = rate * FIRST_STEP * products.count / products.reach
        length = first if len(way.coefficients) == 1 else rate
        yield Superstep(
            Operation.UPDATE, NewDirection(way.coefficients, length, way.remember, self.options.history)
        )
        if self.options.line_search:
            yield from self._search(way, length)
        else:
            yield from self._settle(length, RISE_LBFGS * self.position.losses[-1].total)
        return True

    def _adam(self) -> Generator[Superstep, Any, bool]:
        rate = self.position.rate
        yield Superstep(Operation.UPDATE, AdamStep(self.position.step + 1, rate))
        halvings = yield from self._settle(rate, RISE_ADAM * self.position.losses[0].total)
        if halvings:
            self.position = replace(self.position, rate=rate / 2**halvings)
        return True

    def _settle(self, length: float, bound: float) -> Generator[Superstep, Any, int]:
        """Halve the step until the loss is a number no higher than `bound`; returns how often."""
        for halvings in range(HALVINGS + 1):
            if halvings:
                yield Superstep(Operation.UPDATE, LineStep(length / 2**halvings))
            parts = yield from self._loss()
            if parts.total <= bound or parts.total <= 1e-12:
                products = yield from self._gradient()
                self._accept(parts, products, halvings)
                return halvings
        raise Diverged(self.position.step + 1, parts.total, HALVINGS)

    def _search(self, way: Direction, first_length: float) -> Generator[Superstep, Any, None]:
        search = strong_wolfe(Point(0.0, self.position.losses[-1].total, way.slope), first_length)
        length, at = next(search), first_length
        while True:
            if length != at:
                yield Superstep(Operation.UPDATE, LineStep(length))
            at = length
            parts = yield from self._loss()
            products = yield from self._gradient()
            try:
                length = search.send(Point(at, parts.total, products.slope))
            except StopIteration as end:
                break_at = end.value.length
                break
        if break_at not in (at, 0.0):
            yield Superstep(Operation.UPDATE, LineStep(break_at))
            parts = yield from self._loss()
            products = yield from self._gradient()
        if not parts.total <= self.position.losses[-1].total:
            yield from self._settle(at / 2, self.position.losses[-1].total)
            return
        self._accept(parts, products, 0)

    def _accept(self, parts: LossParts, products: DotProducts, halvings: int) -> None:
        self.position = replace(
            self.position,
            step=self.position.step + 1,
            losses=(*self.position.losses, parts),
            halvings=halvings,
            table=self.memory.table,
            products=products,
        )
