"""The scatter plot of an evaluation: style distance against content damage, a point a row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from giornata.cluster.evaluation.methods import FLOORS
from giornata.cluster.evaluation.results import Evaluation, Row
from giornata.styles.evaluation.bootstrap import Interval
from giornata.styles.evaluation.yardstick import DAMAGE, HEADLINE, MEASURES

PLOT_NAME = "scatter.svg"
WIDTH, HEIGHT = 720, 480  # units, about px
LEFT, RIGHT, TOP, BOTTOM = 58, 150, 34, 46  # room for words
TICKS = 5
# The first that was measured is the axis.
DAMAGES, STYLES = (DAMAGE, "structure"), (HEADLINE, "alex_3", "alex_1")
FLOOR_COLOUR, SEEN_COLOUR, UNSEEN_COLOUR = "#8a8377", "#c2703d", "#5b84b1"
INK, LINE, PAPER = "#3a3632", "#d8d2c8", "#faf8f4"


@dataclass(frozen=True)
class _Axis:
    """A span of values over a span of units on the paper."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values inside the span, about `TICKS` of them."""
        rough = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [step * number for number in range(first, last + 1)]


def scatter_svg(evaluation: Evaluation) -> str:
    """An SVG that needs nothing beside itself; without rows or measures to plot it says so."""
    damage, style = (_first(evaluation.rows, names) for names in (DAMAGES, STYLES))
    rows = [row for row in evaluation.rows if {damage, style} <= row.measures.keys()]
    if not rows or damage is None or style is None:
        return _svg(f'<text x="{LEFT}" y="{HEIGHT / 2}">not measured: no judging network</text>')
    across = _axis([row.measures[damage] for row in rows], LEFT, WIDTH - RIGHT)
    up = _axis([row.measures[style] for row in rows], HEIGHT - BOTTOM, TOP)
    parts = [_grid(across, up), _titles(damage, style)]
    parts += [_point(row, row.measures[damage], row.measures[style], across, up) for row in rows]
    return _svg("".join(parts))


def write_plot(evaluation: Evaluation, folder: Path) -> Path:
    """Write `scatter.svg`."""
    path = folder / PLOT_NAME
    path.write_text(scatter_svg(evaluation), encoding="utf-8")
    return path


def _first(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    return next((name for name in names if any(name in row.measures for row in rows)), None)


def _axis(intervals: Sequence[Interval], start: float, end: float) -> _Axis:
    low, high = min(span.low for span in intervals), max(span.high for span in intervals)
    room = 0.06 * (high - low) or 0.1
    return _Axis(low - room, high + room, start, end)


def _grid(across: _Axis, up: _Axis) -> str:
    parts = []
    for value in across.ticks():
        x = across.at(value)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{LINE}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:.2f}</text>')
    for value in up.ticks():
        y = up.at(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    return "".join(parts)


def _titles(damage: str, style: str) -> str:
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    content = MEASURES[damage]
    better = "left" if content.better == "low" else "right"
    return (
        f'<text x="{middle_x}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"content damage: {escape(content.title)} (better to the {better})</text>"
        f'<text transform="translate(14 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"style distance: {escape(MEASURES[style].title)} (better below)</text>"
        f'<text x="{LEFT}" y="18"><tspan fill="{SEEN_COLOUR}">paintings of the library</tspan>'
        f'<tspan fill="{UNSEEN_COLOUR}" dx="14">paintings no training saw</tspan>'
        f'<tspan fill="{FLOOR_COLOUR}" dx="14">floors</tspan></text>'
    )


def _point(row: Row, damage: Interval, style: Interval, across: _Axis, up: _Axis) -> str:
    colour = UNSEEN_COLOUR if row.unseen else SEEN_COLOUR
    colour = FLOOR_COLOUR if row.method in FLOORS else colour
    x, y = across.at(damage.mean), up.at(style.mean)
    name = f"{row.method} (unseen)" if row.unseen else row.method
    return (
        f'<path d="M{across.at(damage.low):.1f} {y:.1f}H{across.at(damage.high):.1f}'
        f'M{x:.1f} {up.at(style.low):.1f}V{up.at(style.high):.1f}" stroke="{colour}" stroke-opacity=".6"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
        f'<text x="{x + 8:.1f}" y="{y - 6:.1f}" fill="{colour}">{escape(name)}</text>'
    )


def _svg(inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="Style distance against content damage" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>{inside}</svg>'
    )
