import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from giornata.styles.optimization.lbfgs import (
    CURVATURE,
    DECREASE,
    LbfgsHistory,
    Point,
    Search,
    strong_wolfe,
    two_loop,
)
from giornata.styles.optimization.optimizer_shard import DotProducts

SIZE = 12


def drawn(count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, SIZE, dtype=torch.float64, generator=generator)


def curved(steps: Tensor) -> Tensor:
    """Gradient changes of a bowl whose axes are of different width."""
    return steps * torch.linspace(0.5, 4, SIZE, dtype=torch.float64)


def textbook(steps: Tensor, changes: Tensor, gradient: Tensor) -> Tensor:
    """Nocedal and Wright, algorithm 7.4, over the vectors themselves."""
    direction, shares = gradient.clone(), [0.0] * len(steps)
    for i in reversed(range(len(steps))):
        shares[i] = float(steps[i] @ direction / (steps[i] @ changes[i]))
        direction -= shares[i] * changes[i]
    if len(steps):
        direction *= steps[-1] @ changes[-1] / (changes[-1] @ changes[-1])
    for i in range(len(steps)):
        direction += (shares[i] - changes[i] @ direction / (steps[i] @ changes[i])) * steps[i]
    return -direction


@given(st.integers(0, 6), st.integers(0, 999))
def test_coefficients_make_the_direction_of_the_textbook(pairs: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    steps, gradient = drawn(pairs, generator), drawn(1, generator)
    changes = curved(steps)
    basis = torch.cat([steps, changes, gradient])
    direction = two_loop(basis @ basis.T, pairs) @ basis
    assert torch.allclose(direction, textbook(steps, changes, gradient[0]), rtol=1e-8, atol=1e-10)


@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 999))
def test_a_history_is_that_of_the_newest_pairs(keep: int, rounds: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    history = LbfgsHistory(keep)
    steps, changes = torch.zeros(2, 0, SIZE, dtype=torch.float64)
    for _ in range(rounds):
        step, gradient = drawn(1, generator), drawn(1, generator)
        change = curved(step)
        newest = torch.cat([step, change, gradient])
        rows = newest @ torch.cat([steps, changes, newest]).T
        made = history.next(DotProducts(rows, 0.0, 0.0, SIZE))
        steps, changes = torch.cat([steps, step])[-keep:], torch.cat([changes, change])[-keep:]
        direction = torch.tensor(made.coefficients, dtype=torch.float64) @ torch.cat(
            [steps, changes, gradient]
        )
        assert made.remember
        assert history.pairs == len(steps)
        assert torch.allclose(direction, textbook(steps, changes, gradient[0]), rtol=1e-8, atol=1e-10)
        assert made.slope == pytest.approx(float(direction @ gradient[0]))
        assert made.slope < 0


def test_a_pair_that_curves_the_wrong_way_is_not_remembered() -> None:
    step, gradient = torch.randn(2, 1, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    newest = torch.cat([step, -step, gradient])
    history = LbfgsHistory(3)
    made = history.next(DotProducts(newest @ newest.T, 0.0, 0.0, SIZE))
    assert (made.remember, made.coefficients, history.pairs) == (False, (-1.0,), 0)
    assert made.slope == pytest.approx(-float(gradient[0] @ gradient[0]))
    assert history.steepest(DotProducts(newest @ newest.T, 0.0, 0.0, SIZE)) == made


def searched(
    search: Search, loss: Callable[[float], float], slope: Callable[[float], float]
) -> tuple[Point, list[Point]]:
    """The point that a search ends with, and those it asked for."""
    asked = list[Point]()
    length = next(search)
    while True:
        asked.append(Point(length, loss(length), slope(length)))
        try:
            length = search.send(asked[-1])
        except StopIteration as end:
            return end.value, asked


@given(lowest=st.floats(0.05, 200), bend=st.floats(0.01, 100), first=st.sampled_from([0.1, 1.0, 10.0]))
def test_a_bowl_is_descended_to_where_both_conditions_hold(lowest: float, bend: float, first: float) -> None:
    def loss(length: float) -> float:
        return bend * (length - lowest) ** 2

    start = Point(0.0, loss(0), -2 * bend * lowest)
    point, asked = searched(strong_wolfe(start, first), loss, lambda length: 2 * bend * (length - lowest))
    assert point in asked
    assert point.loss <= start.loss + DECREASE * point.length * start.slope
    assert abs(point.slope) <= -CURVATURE * start.slope


def test_what_is_no_number_is_stepped_back_from() -> None:
    def loss(length: float) -> float:
        return (length - 0.01) ** 2 if length < 0.1 else math.nan

    start = Point(0.0, loss(0), -0.02)
    point, asked = searched(strong_wolfe(start, 1.0), loss, lambda length: 2 * (length - 0.01))
    assert math.isnan(asked[0].loss)
    assert point.loss < start.loss


def test_a_search_that_finds_nothing_lower_stays_where_it_began() -> None:
    start = Point(0.0, 1.0, -1.0)
    point, asked = searched(strong_wolfe(start, 1.0), lambda length: 2.0, lambda length: 0.0)
    assert point == start
    assert len(asked) <= 13
