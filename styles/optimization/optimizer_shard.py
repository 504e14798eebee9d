"""One tile's share of the optimiser: its core of the picture, and of every vector of that size.

Steps are made from orders that hold numbers only; what comes back are scalar products over the core. So the
picture, its gradients and their history never leave the worker that has the tile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

BETAS = (0.9, 0.99)  # of Adam: style losses are smooth, so the second moment may follow quickly
EPSILON = 1e-8


@dataclass(frozen=True)
class NewDirection:
    """Take the newest gradient, go from the present picture by `length` along a new direction.

    The direction is the combination of history and gradient with these `coefficients`: by age, newest last,
    of the steps, then of the gradient changes, then of the gradient. `remember` adds the newest pair to the
    history first, of which `keep` pairs stay.
    """

    coefficients: tuple[float, ...]
    length: float
    remember: bool
    keep: int


@dataclass(frozen=True)
class LineStep:
    """Go from where the last direction began, by another `length`."""

    length: float


@dataclass(frozen=True)
class AdamStep:
    """Step number `step`, from 1, by Kingma and Ba 2015 at this rate."""

    step: int
    rate: float


@dataclass(frozen=True)
class Average:
    """Mix the present picture into the running mean of iterates."""

    decay: float


Order = NewDirection | LineStep | AdamStep | Average


@dataclass(frozen=True)
class DotProducts:
    """Scalar products over a core: of the newest step, gradient change and gradient with everything.

    `rows` is 3 x (2·k + 3), float64: with the k steps and k changes of the history, oldest first, and with
    the three themselves. `slope` is that of the gradient along the direction, `reach` the gradient's
    1-norm, and `count` how many numbers it has.
    """

    rows: Tensor
    slope: float
    reach: float
    count: int

    def __add__(self, other: "DotProducts") -> "DotProducts":
        return DotProducts(
            self.rows + other.rows,
            self.slope + other.slope,
            self.reach + other.reach,
            self.count + other.count,
        )


def dot(left: Tensor, right: Tensor) -> float:
    """Scalar product of two cores; rows in float64."""
    return float((left.double() * right.double()).sum())


def in_memory(vector: Tensor) -> Tensor:
    """Keep a vector where it is."""
    return vector


class OptimizerShard:
    """The vectors of one core: float, h x w x 3. Each is put where `keep` says when it is new."""

    def __init__(self, picture: Tensor, keep: Callable[[Tensor], Tensor] = in_memory) -> None:
        self._kept = keep
        self.picture = keep(picture.clone())
        self.origin = self.picture  # where the last direction began
        self.gradient = keep(torch.zeros_like(picture))  # at the origin
        self.newest = self.gradient  # at the picture
        self.direction = keep(torch.zeros_like(picture))
        self.steps: list[Tensor] = []
        self.changes: list[Tensor] = []
        self.moments: tuple[Tensor, Tensor] | None = None
        self.mean: Tensor | None = None

    def take(self, gradient: Tensor) -> DotProducts:
        """Take the gradient at the present picture; the products the next order needs."""
        self.newest = self._kept(gradient)
        own = (self.picture - self.origin, gradient - self.gradient, gradient)
        basis = (*self.steps, *self.changes, *own)
        rows = torch.tensor([[dot(vector, other) for other in basis] for vector in own], dtype=torch.float64)
        reach = float(gradient.abs().sum(dtype=torch.float64))
        return DotProducts(rows, dot(gradient, self.direction), reach, gradient.numel())

    def apply(self, order: Order) -> None:
        """Carry out an order."""
        match order:
            case NewDirection():
                self._aim(order)
            case LineStep(length):
                self.picture = self._kept(self.origin + length * self.direction)
            case AdamStep(step, rate):
                self._adam(step, rate)
            case Average(decay):
                self._keep(decay)

    @property
    def result(self) -> Tensor:
        """The running mean if there is one, else the picture."""
        return self.picture if self.mean is None else self.mean

    def _aim(self, order: NewDirection) -> None:
        if order.remember:
            step, change = self._kept(self.picture - self.origin), self._kept(self.newest - self.gradient)
            self.steps, self.changes = (
                [*self.steps, step][-order.keep :],
                [*self.changes, change][-order.keep :],
            )
        elif len(order.coefficients) == 1:
            self.steps, self.changes = [], []
        self.origin, self.gradient = self.picture, self.newest
        basis = (*self.steps, *self.changes, self.gradient)
        direction = torch.zeros_like(self.picture)
        for coefficient, vector in zip(order.coefficients, basis, strict=True):
            direction.add_(vector, alpha=coefficient)
        self.direction = self._kept(direction)
        self.picture = self._kept(self.origin + order.length * direction)

    def _adam(self, step: int, rate: float) -> None:
        first, second = self.moments or (torch.zeros_like(self.picture), torch.zeros_like(self.picture))
        first = torch.lerp(self.newest, first, BETAS[0])
        second = torch.lerp(self.newest.square(), second, BETAS[1])
        self.moments = (self._kept(first), self._kept(second))
        scaled = first / (1 - BETAS[0] ** step)
        self.direction = self._kept(-scaled / ((second / (1 - BETAS[1] ** step)).sqrt() + EPSILON))
        self.origin, self.gradient = self.picture, self.newest
        self.picture = self._kept(self.origin + rate * self.direction)

    def _keep(self, decay: float) -> None:
        # Weighted from the first iterate on, so that the start does not linger in the mean.
        mean = self.picture.clone() if self.mean is None else torch.lerp(self.picture, self.mean, decay)
        self.mean = self._kept(mean)

    def state(self) -> dict[str, Tensor]:
        """Everything, for a checkpoint."""
        named = {
            "picture": self.picture,
            "origin": self.origin,
            "gradient": self.gradient,
            "newest": self.newest,
            "direction": self.direction,
        }
        for name, vectors in (("step", self.steps), ("change", self.changes), ("moment", self.moments or ())):
            named |= {f"{name}{index:03d}": vector for index, vector in enumerate(vectors)}
        return named if self.mean is None else {**named, "mean": self.mean}

    @classmethod
    def restored(
        cls, state: Mapping[str, Tensor], keep: Callable[[Tensor], Tensor] = in_memory
    ) -> "OptimizerShard":
        """The inverse of `state`."""

        def several(name: str) -> list[Tensor]:
            keys = sorted(key for key in state if key.startswith(name) and key[len(name) :].isdigit())
            return [keep(state[key]) for key in keys]

        shard = cls(state["picture"], keep)
        shard.origin, shard.gradient = keep(state["origin"]), keep(state["gradient"])
        shard.newest, shard.direction = keep(state["newest"]), keep(state["direction"])
        shard.steps, shard.changes = several("step"), several("change")
        moments = several("moment")
        shard.moments = (moments[0], moments[1]) if moments else None
        shard.mean = keep(state["mean"]) if "mean" in state else None
        return shard
