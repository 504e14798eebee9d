"""L-BFGS in numbers: the two-loop recursion over scalar products, so that no vector has to travel.

Liu and Nocedal 1989, in the form of Chen, Wang and Zhou 2014 ("Large-scale L-BFGS using MapReduce"): a
direction is a combination of steps, gradient changes and the gradient, and its coefficients follow from the
scalar products between them.

The strong Wolfe line search (Nocedal and Wright 2006, algorithms 3.5 and 3.6), as questions and answers.

A generator asks for the loss and slope at a length and is sent them, so that it neither knows nor cares how
many workers it takes to answer.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from giornata.styles.optimization.optimizer_shard import DotProducts

LEAST_CURVATURE = 1e-8  # of a pair: the cosine between step and gradient change


@dataclass(frozen=True)
class Direction:
    """Arguments of a `NewDirection`, and the slope along it at its origin (negative when it leads down)."""

    coefficients: tuple[float, ...]
    remember: bool
    slope: float


class LbfgsHistory:
    """Scalar products among the steps and changes of the history, oldest first: float64, 2k x 2k."""

    def __init__(self, keep: int, table: Tensor | None = None) -> None:
        self.keep = keep
        self.table = torch.zeros(0, 0, dtype=torch.float64) if table is None else table

    @property
    def pairs(self) -> int:
        """Pairs in the history, k."""
        return len(self.table) // 2

    def forget(self) -> None:
        """Begin anew: the next direction is straight down."""
        self.table = torch.zeros(0, 0, dtype=torch.float64)

    def steepest(self, products: DotProducts) -> Direction:
        """Straight down, with an empty history."""
        self.forget()
        return Direction((-1.0,), False, -float(products.rows[2, -1]))

    def next(self, products: DotProducts) -> Direction:
        """Take the newest pair in when it curves the right way; the quasi-Newton direction after it."""
        step, change = float(products.rows[0, -3]), float(products.rows[1, -2])
        remember = float(products.rows[0, -2]) > LEAST_CURVATURE * (step * change) ** 0.5
        if remember:
            self._grow(products.rows)
        return self._direction(products.rows, remember)

    def _grow(self, rows: Tensor) -> None:
        """The table with the newest step and change in their places, and the oldest pair gone if need be."""
        k = self.pairs
        table = torch.zeros(2 * k + 2, 2 * k + 2, dtype=torch.float64)
        places = [*range(k), *range(k + 1, 2 * k + 1)]
        if k:
            table[torch.tensor(places)[:, None], torch.tensor(places)] = self.table
        order = [*places, k, 2 * k + 1]
        for row, place in ((0, k), (1, 2 * k + 1)):
            for column, other in enumerate(order):
                table[place, other] = table[other, place] = rows[row, column]
        if k + 1 > self.keep:
            left = [i for i in range(2 * k + 2) if i not in (0, k + 1)]
            table = table[torch.tensor(left)[:, None], torch.tensor(left)]
        self.table = table

    def _direction(self, rows: Tensor, remember: bool) -> Direction:
        k = self.pairs
        table = torch.zeros(2 * k + 1, 2 * k + 1, dtype=torch.float64)
        table[: 2 * k, : 2 * k] = self.table
        with_gradient = self._with_gradient(rows, remember)
        table[2 * k, :] = table[:, 2 * k] = with_gradient
        coefficients = two_loop(table, k)
        return Direction(tuple(coefficients.tolist()), remember, float(coefficients @ with_gradient))

    def _with_gradient(self, rows: Tensor, remember: bool) -> Tensor:
        """The newest gradient's products with the history as it is now, and with itself."""
        before = (rows.shape[1] - 3) // 2
        steps, changes = rows[2, :before], rows[2, before : 2 * before]
        if remember:
            steps = torch.cat([steps, rows[2, -3:-2]])
            changes = torch.cat([changes, rows[2, -2:-1]])
        k = self.pairs
        return torch.cat([steps[len(steps) - k :], changes[len(changes) - k :], rows[2, -1:]])


def two_loop(table: Tensor, pairs: int) -> Tensor:
    """Coefficients of the direction over steps, changes and gradient, from all products between them."""
    coefficients = torch.zeros(2 * pairs + 1, dtype=torch.float64)
    coefficients[-1] = -1
    shares = [0.0] * pairs
    for i in reversed(range(pairs)):
        shares[i] = float(coefficients @ table[:, i]) / float(table[i, pairs + i])
        coefficients[pairs + i] -= shares[i]
    if pairs:
        last = 2 * pairs - 1
        coefficients *= table[pairs - 1, last] / table[last, last]
    for i in range(pairs):
        back = float(coefficients @ table[:, pairs + i]) / float(table[i, pairs + i])
        coefficients[i] += shares[i] - back
    return coefficients


DECREASE = 1e-4  # c1
CURVATURE = 0.9  # c2
TRIALS = 12


@dataclass(frozen=True)
class Point:
    """Loss and slope at a length along a direction."""

    length: float
    loss: float
    slope: float


Search = Generator[float, Point, Point]


def strong_wolfe(start: Point, first_length: float) -> Search:
    """Yield lengths and take points; return a point that meets both conditions, or the lowest."""
    before, length = start, first_length
    for trial in range(TRIALS):
        point = yield length
        if _too_high(start, point) or (trial and point.loss >= before.loss):
            return (yield from _zoom(start, before, point, TRIALS - trial))
        if abs(point.slope) <= -CURVATURE * start.slope:
            return point
        if point.slope >= 0:
            return (yield from _zoom(start, point, before, TRIALS - trial))
        before, length = point, 2 * length
    return before


def _too_high(start: Point, point: Point) -> bool:
    return not point.loss <= start.loss + DECREASE * point.length * start.slope


def _zoom(start: Point, low: Point, high: Point, trials: int) -> Search:
    """Narrow the bracket; `low` is its better end."""
    for _ in range(trials):
        point = yield _between(low, high)
        if _too_high(start, point) or point.loss >= low.loss:
            high = point
            continue
        if abs(point.slope) <= -CURVATURE * start.slope:
            return point
        if point.slope * (high.length - low.length) >= 0:
            high = low
        low = point
    return low


def _between(low: Point, high: Point) -> float:
    """The minimum of the parabola through `low`, its slope and `high`, kept off the ends; else the middle."""
    width = high.length - low.length
    bend = high.loss - low.loss - low.slope * width
    share = -low.slope * width / (2 * bend) if bend > 0 else 0.5
    if share != share or not 0.1 <= share <= 0.9:
        share = 0.5
    return low.length + share * width
