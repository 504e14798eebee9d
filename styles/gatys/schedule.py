"""The sizes an optimisation goes through, small to large, and how many steps it does at each.

Structures larger than the encoder's field are only settled where the picture is small; every larger scale
then adds texture to a composition that stands, and needs fewer and fewer steps.
"""

import math
from dataclasses import dataclass

from giornata.styles.gatys.options import GatysOptions, Growth

FACTORS = {Growth.SQRT2: math.sqrt(2), Growth.DYADIC: 2.0}


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
