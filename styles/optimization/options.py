"""What an optimisation is asked for: layers, weights, optimiser and schedule; frozen, checked together.

The sizes an optimisation goes through, small to large, and how many steps it does at each.

Structures larger than the encoder's field are only settled where the picture is small; every larger scale
then adds texture to a composition that stands, and needs fewer and fewer steps.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from giornata.styles.errors import BadOptions
from giornata.styles.optimization.losses import Convention, StyleTerm
from giornata.styles.perception.encoder import Pooling

CONTENT_LAYERS = {"relu4_2": 1.0}
STYLE_LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0, "relu5_1": 1.0}
WHOLE = 0  # the region of styles without a mask


class Optimiser(StrEnum):
    """How the picture is moved."""

    LBFGS = "lbfgs"
    ADAM = "adam"


class Start(StrEnum):
    """Where the optimisation starts from."""

    CONTENT = "content"
    NOISE = "noise"
    PREVIOUS = "previous"


class ScaleGrowth(StrEnum):
    """How sizes grow from scale to scale."""

    NONE = "none"
    SQRT2 = "sqrt2"
    DYADIC = "dyadic"


class GatysOptions(BaseModel):
    """The whole of an optimisation but its pictures.

    `alpha` weighs content and `beta` style as in the paper, under `convention`; `steps` are those of the
    smallest scale, of which every larger one does `steps_ratio` times the one before. `averaging` is the
    decay of a running mean of the iterates, 0 for none. `style_scale` is the size of the style picture
    against that of the content. `rate` of None is 1 for L-BFGS and 0.02 for Adam.

    The default term is Wasserstein's: a Gram matrix is mostly the channels' means, and one that is close to
    another, relative to its size, need not look like it. With `term` gram some 40 times this β are needed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_layers: dict[str, float] = CONTENT_LAYERS
    style_layers: dict[str, float] = STYLE_LAYERS
    alpha: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    beta: float = Field(default=50.0, ge=0, allow_inf_nan=False)
    tv: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    tv_power: int = Field(default=2, ge=1, le=2)
    term: StyleTerm = StyleTerm.WASSERSTEIN
    convention: Convention = Convention.RELATIVE
    pooling: Pooling | None = None
    optimiser: Optimiser = Optimiser.LBFGS
    line_search: bool = False
    rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    history: int = Field(default=10, ge=1, le=200)
    steps: int = Field(default=300, ge=1, le=100_000)
    steps_ratio: float = Field(default=1 / 3, gt=0, le=1)
    least_steps: int = Field(default=20, ge=1)
    growth: ScaleGrowth = ScaleGrowth.DYADIC
    smallest_px: int = Field(default=256, ge=64)
    start: Start = Start.CONTENT
    seed: int = 0
    averaging: float = Field(default=0.0, ge=0, lt=1)
    style_scale: float = Field(default=1.0, gt=0, le=8)

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that is looked at."""
        return tuple(sorted({*self.wanted_content, *self.wanted_style}))

    @property
    def wanted_content(self) -> dict[str, float]:
        """Content layers whose weight counts."""
        return {layer: weight for layer, weight in self.content_layers.items() if weight * self.alpha > 0}

    @property
    def wanted_style(self) -> dict[str, float]:
        """Style layers whose weight counts, weights summing to one."""
        whole = sum(self.style_layers.values())
        return {
            layer: weight / whole for layer, weight in self.style_layers.items() if weight * self.beta > 0
        }

    @property
    def resolved_rate(self) -> float:
        """The step size."""
        return self.rate or (1.0 if self.optimiser is Optimiser.LBFGS else 0.02)

    def check(self) -> None:
        """Raise `BadOptions` when nothing would be minimised, or a weight is negative."""
        for layer, weight in (*self.content_layers.items(), *self.style_layers.items()):
            if not 0 <= weight < float("inf"):
                raise BadOptions(f"weight {weight} of layer {layer}", "a number from 0")
        if not self.layers:
            raise BadOptions(
                f"alpha {self.alpha} and beta {self.beta} on {len(self.content_layers)} content and "
                f"{len(self.style_layers)} style layers",
                "at least one of them above 0, with layers",
            )


FACTORS = {ScaleGrowth.SQRT2: math.sqrt(2), ScaleGrowth.DYADIC: 2.0}


@dataclass(frozen=True)
class Scale:
    """One size of the picture, px, and its steps."""

    width: int
    height: int
    steps: int

    @property
    def long_px(self) -> int:
        """The longer side."""
        return max(self.width, self.height)


def scales_of(width: int, height: int, options: GatysOptions, *, least_px: int) -> tuple[Scale, ...]:
    """The scales of a picture, the last at its full size; no side falls below `least_px` on the way."""
    sizes = [(width, height)]
    factor = FACTORS.get(options.growth)
    while factor is not None:
        share = factor ** len(sizes)
        smaller = (round(width / share), round(height / share))
        if max(smaller) < options.smallest_px or min(smaller) < least_px:
            break
        sizes.append(smaller)
    steps = [
        max(min(options.least_steps, options.steps), round(options.steps * options.steps_ratio**index))
        for index in range(len(sizes))
    ]
    return tuple(Scale(*size, count) for size, count in zip(reversed(sizes), steps, strict=True))
