"""The strong Wolfe line search (Nocedal and Wright 2006, algorithms 3.5 and 3.6), as questions and answers.

A generator asks for the loss and slope at a length and is sent them, so that it neither knows nor cares how
many workers it takes to answer.
"""

from collections.abc import Generator
from dataclasses import dataclass

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
    """Yields lengths, is sent points; returns one that meets both conditions, or the lowest it saw."""
    before, length = start, first_length
    for trial in range(TRIALS):
        here = yield length
        if _too_high(start, here) or (trial and here.loss >= before.loss):
            return (yield from _zoom(start, before, here, TRIALS - trial))
        if abs(here.slope) <= -CURVATURE * start.slope:
            return here
        if here.slope >= 0:
            return (yield from _zoom(start, here, before, TRIALS - trial))
        before, length = here, 2 * length
    return before


def _too_high(start: Point, here: Point) -> bool:
    return not here.loss <= start.loss + DECREASE * here.length * start.slope


def _zoom(start: Point, low: Point, high: Point, trials: int) -> Search:
    """Narrow the bracket; `low` is its better end."""
    for _ in range(trials):
        here = yield _between(low, high)
        if _too_high(start, here) or here.loss >= low.loss:
            high = here
            continue
        if abs(here.slope) <= -CURVATURE * start.slope:
            return here
        if here.slope * (high.length - low.length) >= 0:
            high = low
        low = here
    return low


def _between(low: Point, high: Point) -> float:
    """The minimum of the parabola through `low`, its slope and `high`, kept off the ends; else the middle."""
    width = high.length - low.length
    bend = high.loss - low.loss - low.slope * width
    share = -low.slope * width / (2 * bend) if bend > 0 else 0.5
    if share != share or not 0.1 <= share <= 0.9:
        share = 0.5
    return low.length + share * width
