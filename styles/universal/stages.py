"""Chains of small operations worked through in blocks that stay in cache, reflected at the map's true border.

A block of a chain's output needs a little more of its input; the chain says how much. Doing a chain block by
block keeps the maps in between out of memory: they are the largest ones.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.styles.threads import one_thread

Range = tuple[int, int]  # rows or columns, the end excluded; may lie outside the map
Block = tuple[Range, Range]
T = TypeVar("T")
Part = TypeVar("Part")
LEAST_BLOCKS = 4  # small maps are cut finer, so that threads have work
LEAST_BLOCK = 16


class MapOperation(Protocol):
    """One operation of a chain on maps 1 x C x h x w."""

    def size(self, length: int) -> int:
        """Rows of the output of a map of `length` rows."""
        ...

    def needs(self, out: Range) -> Range:
        """Rows of the input that the rows `out` of the output depend on; may lie outside."""
        ...

    def apply(self, window: Tensor, inside: Block, needed: Block, out: Block) -> Tensor:
        """The rows and columns `out`, from a window that holds `inside`: `needed` as far as the map goes."""
        ...


@dataclass(frozen=True, eq=False)
class ConvolutionStep:
    """A convolution of 3 x 3, or of 4 x 4 that halves; `rectified` takes the input's positive part first."""

    layer: nn.Conv2d
    rectified: bool = False

    @property
    def _halves(self) -> bool:
        return self.layer.stride[0] == 2

    def size(self, length: int) -> int:
        """See `MapOperation.size`."""
        return length // 2 if self._halves else length

    def needs(self, out: Range) -> Range:
        """See `MapOperation.needs`."""
        step = 2 if self._halves else 1
        return step * out[0] - 1, step * out[1] + 1

    def apply(self, window: Tensor, inside: Block, needed: Block, out: Block) -> Tensor:
        """See `MapOperation.apply`; what lies outside the map is reflected."""
        (top, bottom), (left, right) = (
            (have[0] - want[0], want[1] - have[1]) for have, want in zip(inside, needed, strict=True)
        )
        if top or bottom or left or right:
            window = F.pad(window, (left, right, top, bottom), mode="reflect")
        if self.rectified:
            window = F.relu(window)
        return F.conv2d(window, self.layer.weight, self.layer.bias, stride=self.layer.stride)


@dataclass(frozen=True)
class Doubling:
    """Bilinear doubling of the positive part of the input."""

    def size(self, length: int) -> int:
        """See `MapOperation.size`."""
        return 2 * length

    def needs(self, out: Range) -> Range:
        """See `MapOperation.needs`."""
        return (out[0] - 1) // 2, out[1] // 2 + 1

    def apply(self, window: Tensor, inside: Block, needed: Block, out: Block) -> Tensor:
        """See `MapOperation.apply`; beyond the map its last row goes on."""
        large = F.interpolate(F.relu(window), scale_factor=2.0, mode="bilinear", align_corners=False)
        (y0, y1), (x0, x1) = out
        dy, dx = 2 * inside[0][0], 2 * inside[1][0]
        return large[:, :, y0 - dy : y1 - dy, x0 - dx : x1 - dx]


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> matrix · x + offset at every position."""

    matrix: Tensor  # C x C x 1 x 1
    offset: Tensor

    def size(self, length: int) -> int:
        """See `MapOperation.size`."""
        return length

    def needs(self, out: Range) -> Range:
        """See `MapOperation.needs`."""
        return out

    def apply(self, window: Tensor, inside: Block, needed: Block, out: Block) -> Tensor:
        """See `MapOperation.apply`."""
        return F.conv2d(window, self.matrix, self.offset)


class BlockRunner:
    """Applies chains block by block, on as many threads as it was given; never another result for more."""

    def __init__(self, block: int, threads: int = 1) -> None:
        self.block, self.threads = block, threads

    def run(
        self, chain: Sequence[MapOperation], features: Tensor, write: Callable[[Block, Tensor], Part]
    ) -> list[Part]:
        """Hand every block of the chain's output for `features` (1 x C x H x W) to `write`, in any order.

        Returns what `write` returned, in the order of the blocks.
        """
        sizes = [(features.shape[2], features.shape[3])]
        for operation in chain:
            sizes.append((operation.size(sizes[-1][0]), operation.size(sizes[-1][1])))

        def work(block: Block) -> Part:
            with torch.inference_mode():
                return write(block, _block_of(chain, sizes, features, block))

        return self.map(work, self.blocks(*sizes[-1]))

    def map(self, work: Callable[[T], Part], items: Iterable[T]) -> list[Part]:
        """`work` of every item, in order."""
        if self.threads == 1:
            with one_thread():
                return [work(item) for item in items]
        with ThreadPoolExecutor(self.threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, items))

    def blocks(self, height: int, width: int) -> list[Block]:
        """Blocks of about the runner's size; they depend on the map alone."""
        size = self.block
        while size > LEAST_BLOCK and height * width < LEAST_BLOCKS * size**2:
            size //= 2

        def cuts(length: int) -> list[Range]:
            count = max(1, round(length / size))
            return list(pairwise(round(length * i / count) for i in range(count + 1)))

        return [(rows, columns) for rows in cuts(height) for columns in cuts(width)]


def _block_of(
    chain: Sequence[MapOperation], sizes: Sequence[tuple[int, int]], features: Tensor, block: Block
) -> Tensor:
    """One block of a chain's output."""
    outs, needs = [block], list[Block]()
    for operation, (height, width) in zip(reversed(chain), reversed(sizes[:-1]), strict=True):
        rows, columns = (operation.needs(part) for part in outs[-1])
        needs.append((rows, columns))
        outs.append((clipped(rows, height), clipped(columns, width)))
    outs.reverse()
    needs.reverse()
    (y0, y1), (x0, x1) = outs[0]
    window = features[:, :, y0:y1, x0:x1]
    for operation, inside, needed, out in zip(chain, outs[:-1], needs, outs[1:], strict=True):
        window = operation.apply(window, inside, needed, out)
    return window


def clipped(part: Range, length: int) -> Range:
    """The part of a range that lies on a map of `length` rows."""
    return max(0, part[0]), min(length, part[1])
