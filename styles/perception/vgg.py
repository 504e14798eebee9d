"""VGG-like networks as plain numbers: which layers there are, their stride, and how far they see.

Kept apart from the tensors because planning needs a halo before any weights are read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from giornata.styles.errors import UnknownLayer

_LAYER = re.compile(r"(conv|relu)([1-9])_([1-9])")


@dataclass(frozen=True)
class Convolution:
    """A 3 x 3 convolution; `key` is such as ``3_1``. `opens_block` means that pooling comes before it."""

    key: str
    inputs: int
    outputs: int
    opens_block: bool


@dataclass(frozen=True)
class Architecture:
    """Blocks of 3 x 3 convolutions with 2 x 2 pooling between them (Simonyan and Zisserman 2014).

    `widths` are channels and `depths` convolutions by block. Layers are ``conv3_1`` (the response itself)
    and ``relu3_1`` (rectified). Gatys' own code overwrote the one by the other, so its "conv4_2" is relu4_2.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]

    def convolutions(self) -> Iterator[Convolution]:
        """All convolutions, in order."""
        inputs = 3
        for block, (width, depth) in enumerate(zip(self.widths, self.depths, strict=True), start=1):
            for index in range(1, depth + 1):
                yield Convolution(f"{block}_{index}", inputs, width, index == 1 and block > 1)
                inputs = width

    @property
    def layers(self) -> tuple[str, ...]:
        """Every rectified layer, in order."""
        return tuple(f"relu{conv.key}" for conv in self.convolutions())

    def find(self, layer: str) -> Convolution:
        """The convolution behind a layer name. Raises `UnknownLayer`."""
        match = _LAYER.fullmatch(layer)
        key = f"{match[2]}_{match[3]}" if match else ""
        convolution = next((conv for conv in self.convolutions() if conv.key == key), None)
        if convolution is None:
            raise UnknownLayer(layer, self.layers)
        return convolution

    def stride(self, layer: str) -> int:
        """Pixels between two positions of a layer."""
        return 1 << (int(self.find(layer).key[0]) - 1)

    def field_px(self, layer: str) -> int:
        """Side of the square of pixels that one position of a layer sees: its receptive field."""
        last, side, jump = self.find(layer), 1, 1
        for conv in self.convolutions():
            if conv.opens_block:
                side, jump = side + jump, 2 * jump
            side += 2 * jump
            if conv == last:
                break
        return side

    def reach_px(self, layer: str) -> int:
        """How far outside its own cell of ``stride`` px a position of a layer sees, on each side.

        This is the halo that makes a core's features exact. A gradient of a pixel depends on what lies
        twice as far; it is exact with this halo too, because the tiles' gradients are added: each tile
        contributes what its own core says about the pixels of its halo.
        """
        return (self.field_px(layer) - self.stride(layer)) // 2

    def halo_px(self, layers: tuple[str, ...]) -> int:
        """The reach of the deepest of `layers`, rounded up to their common stride."""
        step = self.common_stride(layers)
        return -(-max(self.reach_px(layer) for layer in layers) // step) * step

    def common_stride(self, layers: tuple[str, ...]) -> int:
        """The stride that tile origins must keep: that of the deepest of `layers`."""
        return max(self.stride(layer) for layer in layers)

    def work_per_px(self, layers: tuple[str, ...]) -> float:
        """Multiplications per pixel of one pass forward to the deepest of `layers`."""
        keys = [conv.key for conv in self.convolutions()]
        last = max(keys.index(self.find(layer).key) for layer in layers)
        used = list(self.convolutions())[: last + 1]
        return sum(9 * conv.inputs * conv.outputs / self.stride(f"relu{conv.key}") ** 2 for conv in used)

    def bytes_per_px(self, layers: tuple[str, ...], itemsize: int) -> float:
        """Bytes per pixel of the features that a backward pass needs: every response and every pooling."""
        keys = [conv.key for conv in self.convolutions()]
        last = max(keys.index(self.find(layer).key) for layer in layers)
        used = list(self.convolutions())[: last + 1]
        maps = sum(conv.outputs / self.stride(f"relu{conv.key}") ** 2 for conv in used)
        pooled = sum(
            before.outputs / self.stride(f"relu{after.key}") ** 2
            for before, after in pairwise(used)
            if after.opens_block
        )
        return (2 * maps + pooled + 9) * itemsize


VGG19 = Architecture(widths=(64, 128, 256, 512, 512), depths=(2, 2, 4, 4, 1))
COMPACT = Architecture(widths=(24, 48, 96, 192, 192), depths=(2, 2, 2, 2, 1))
