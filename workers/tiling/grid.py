"""Tile geometry in whole pixels: which core belongs to which tile, and what each tile must read.

Boxes live in the padded picture, whose sides are multiples of the engine's stride; padding is added once, at
the right and bottom of the whole picture, and cropped off by the canvas.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from giornata.workers.errors import BadTiling

MAX_CORE_PX = 2048


class Box(NamedTuple):
    """Half-open pixel rectangle."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.right - self.left

    def grown(self, by_px: int, height: int, width: int) -> "Box":
        """This box and `by_px` around it, cut at a picture of `height` x `width`."""
        return Box(
            max(0, self.top - by_px),
            max(0, self.left - by_px),
            min(height, self.bottom + by_px),
            min(width, self.right + by_px),
        )

    def within(self, outer: "Box") -> tuple[slice, slice]:
        """Rows and columns of this box inside an array that holds `outer`."""
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )


@dataclass(frozen=True)
class Tile:
    """One giornata: `core` is its own, `reach` adds half the overlap, `input` adds the halo to that."""

    index: int
    row: int
    column: int
    core: Box
    reach: Box
    input: Box


def rounded_up(length: int, step: int) -> int:
    """`length` raised to a multiple of `step`."""
    return -(-length // step) * step


def cuts(length: int, core_px: int, stride: int) -> tuple[int, ...]:
    """Where cores begin and end along one side: multiples of `stride`, as equal as that allows.

    Even cores instead of a thin last one keep the work balanced and every core wider than the overlap.
    """
    count = -(-length // core_px)
    units = length // stride
    return tuple(stride * (units * i // count) for i in range(count + 1))


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one picture of `width` x `height` px.

    `core_px` is the largest core side, `overlap_px` the width of the strip two neighbours share. All are
    multiples of `stride` (`overlap_px` of twice that). Raises `BadTiling` otherwise.
    """

    width: int
    height: int
    core_px: int
    stride: int
    halo_px: int
    overlap_px: int = 0
    min_side: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BadTiling(f"a picture of {self.width}×{self.height} px", "at least 1×1 px")
        if self.core_px % self.stride or not self.stride <= self.core_px <= MAX_CORE_PX:
            needed = f"a multiple of {self.stride} px, at most {MAX_CORE_PX}"
            raise BadTiling(f"tile {self.core_px} px", needed)
        if self.halo_px % self.stride or self.overlap_px % (2 * self.stride):
            margins = f"halo {self.halo_px} px, overlap {self.overlap_px} px"
            raise BadTiling(margins, f"multiples of {self.stride} and {2 * self.stride} px")
        divided = [side for side in (self.rows, self.columns) if len(side) > 2]
        narrowest = min((b - a for side in divided for a, b in pairwise(side)), default=self.core_px)
        if self.overlap_px > narrowest:
            raise BadTiling(f"overlap {self.overlap_px} px", f"at most the narrowest core, {narrowest} px")

    @property
    def padded_height(self) -> int:
        """Rows of the padded picture."""
        return rounded_up(max(self.height, self.min_side), self.stride)

    @property
    def padded_width(self) -> int:
        """Columns of the padded picture."""
        return rounded_up(max(self.width, self.min_side), self.stride)

    @property
    def rows(self) -> tuple[int, ...]:
        """Row cuts, from 0 to the padded height."""
        return cuts(self.padded_height, self.core_px, self.stride)

    @property
    def columns(self) -> tuple[int, ...]:
        """Column cuts, from 0 to the padded width."""
        return cuts(self.padded_width, self.core_px, self.stride)

    def __len__(self) -> int:
        return (len(self.rows) - 1) * (len(self.columns) - 1)

    def __getitem__(self, index: int) -> Tile:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rows, columns = self.rows, self.columns
        row, column = divmod(index, len(columns) - 1)
        core = Box(rows[row], columns[column], rows[row + 1], columns[column + 1])
        limits = (self.padded_height, self.padded_width)
        reach = core.grown(self.overlap_px // 2, *limits)
        return Tile(index, row, column, core, reach, reach.grown(self.halo_px, *limits))

    def __iter__(self) -> Iterator[Tile]:
        return (self[index] for index in range(len(self)))
