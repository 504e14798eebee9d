"""The loss curve of an optimisation as a small SVG: scales side by side, the loss on a logarithmic axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from giornata.workers.optimization.loss_history import LossHistory, ScaleHistory

WIDTH, HEIGHT = 360, 150  # units, about px
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 18, 18  # room for words
LEAST = 1e-12  # below which a loss is drawn as if it were this
# Readable on light and on dark paper alike: inside an <img> a style sheet does not reach.
COLOURS = {"total": "#c2703d", "content": "#5b84b1", "style": "#7f9c4b"}
WORDS, LINE = "#8a8377", "#8a837755"


@dataclass(frozen=True)
class _Frame:
    """The span of steps and losses, and their place on the paper."""

    steps: int
    low: float
    high: float

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(1, self.steps)

    def y(self, loss: float) -> float:
        share = max(0.0, (math.log10(max(loss, LEAST)) - self.low) / (self.high - self.low))
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def curve_svg(course: LossHistory, *, title: str = "Loss by step") -> str:
    """An `<svg>` element that needs nothing beside itself; `title` must be free of markup."""
    frame = _frame(course.curves)
    parts = [_axis(frame, course.curves)]
    parts += [_line(frame, course.curves, name, colour) for name, colour in reversed(COLOURS.items())]
    parts.append(_legend(course))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{title}" font-family="system-ui, sans-serif" font-size="10" fill="{WORDS}">'
        + "".join(parts)
        + "</svg>"
    )


def _frame(curves: Sequence[ScaleHistory]) -> _Frame:
    losses = [loss for curve in curves for name in COLOURS for loss in getattr(curve, name) if loss > LEAST]
    low, high = (math.log10(end(losses, default=1.0)) for end in (min, max))
    room = max(0.05 * (high - low), 0.01)
    return _Frame(sum(curve.steps for curve in curves), low - room, high + room)


def _axis(frame: _Frame, curves: Sequence[ScaleHistory]) -> str:
    drawn, before = [], 0
    for power in range(math.ceil(frame.low), math.floor(frame.high) + 1):
        y = frame.y(10.0**power)
        drawn.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>')
        drawn.append(f'<text x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for curve in curves:
        x = frame.x(before)
        drawn.append(
            f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{LINE}" stroke-dasharray="2 3"/>'
            f'<text x="{x + 2:.1f}" y="{HEIGHT - 5}">{curve.width}×{curve.height}</text>'
        )
        before += curve.steps
    return "".join(drawn)


def _line(frame: _Frame, curves: Sequence[ScaleHistory], name: str, colour: str) -> str:
    before, drawn = 0, []
    for curve in curves:
        points = [
            f"{frame.x(before + step):.1f} {frame.y(loss):.1f}"
            for step, loss in zip(curve.at, getattr(curve, name), strict=True)
        ]
        drawn.append("M" + "L".join(points))
        before += curve.steps
    width = 1.8 if name == "total" else 1.2
    return f'<path d="{"".join(drawn)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _legend(course: LossHistory) -> str:
    parts = [
        f'<tspan fill="{colour}" dx="{0 if name == "total" else 10}">'
        f"{name} {getattr(course.now, name)[-1]:.3g}</tspan>"
        for name, colour in COLOURS.items()
        if course.now.at
    ]
    return f'<text x="{LEFT}" y="11">{"".join(parts)}</text>'
