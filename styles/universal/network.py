"""The universal network: one encoder and one decoder of five levels that meet at every level.

Level k of the encoder gives features F_k at a stride of 2^(k-1) px. Block k of the decoder turns features of
level k into those of level k - 1 (block 1 into pixels), so that the statistics of a style can be imposed at
each level on the way back. One pass instead of a cascade of five: Avatar-Net (Sheng et al. 2018) and
PhotoWCT2 (Chiu and Gurari 2022) are the ideas; the shape and the weights are ours.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 5
STRIDE = 1 << (LEVELS - 1)  # px between two positions of level 5
MIN_SIDE = 32  # two positions at level 5, so that there is something to reflect
DOWN_KERNEL = 4  # even, so that a position of the next level lies in the middle of its four


@dataclass(frozen=True)
class UniversalShape:
    """Channels and convolutions of a network; `format` names it in files.

    `widths` are channels of levels 1 to 5, `inner` those between a level and the next, on the way down and
    back; `head` those before the last convolution. `encoder_depths` are convolutions between the features
    of a level and the opening of the next, `decoder_depths` those of a decoder block after the upsampling.
    Where `is_picture`, level 1 is the picture itself, its statistics its colours, and features enter the
    next level as they are instead of rectified.
    """

    format: str
    widths: tuple[int, ...]
    inner: tuple[int, ...]
    head: int
    encoder_depths: tuple[int, ...]
    decoder_depths: tuple[int, ...]
    is_picture: bool


FIRST = UniversalShape(
    format="giornata-universal-1",
    widths=(32, 64, 96, 160, 192),
    inner=(32, 64, 96, 160),
    head=16,
    encoder_depths=(1, 1, 2, 2, 0),
    decoder_depths=(0, 1, 1, 2, 2),
    is_picture=False,
)
# Widths of the teacher whose features it learns. Responses of a first convolution hold colours as small parts
# of large numbers, and no decoder leaves those right: so level 1 is the picture.
SECOND = UniversalShape(
    format="giornata-universal-2",
    widths=(3, 32, 64, 128, 128),
    inner=(24, 48, 96, 160),
    head=24,
    encoder_depths=(2, 1, 3, 3, 0),
    decoder_depths=(0, 3, 2, 3, 3),
    is_picture=True,
)
SHIPPED = FIRST

# How much of a wish for structure each level takes: fine ones little, or strokes would have no room.
STRUCTURE_SHARES = (0.25, 0.5, 1.0, 1.0)
# What level 4 keeps in any case when level 5 is repainted: alone, that holds too little of a picture.
COMPOSITION_KEPT = 0.5


def structure_share(level: int, structure: float) -> float:
    """The share of the encoder's own features at `level` (1 to 4), for a wish of `structure` (0 to 1)."""
    least = COMPOSITION_KEPT if level == LEVELS - 1 else 0.0
    return least + (1 - least) * structure * STRUCTURE_SHARES[level - 1]


@dataclass(frozen=True)
class NetworkReach:
    """How far a pixel depends on others, px on each side; `halo_px` is a multiple of the stride."""

    levels: int
    shape: UniversalShape = SHIPPED

    @property
    def encoder_px(self) -> int:
        """How far features of the deepest level see beyond their own cell."""
        total = 1
        for level in range(2, self.levels + 1):
            finer = 1 << (level - 2)
            total += (self.shape.encoder_depths[level - 2] + 1) * finer
        return total

    @property
    def decoder_px(self) -> int:
        """How far a pixel sees in the features of the deepest level, in px."""
        total = 2  # the block of level 1: the reducer and the last convolution
        for level in range(2, self.levels + 1):
            jump = 1 << (level - 1)
            # Reducer and bilinear doubling on the level's own grid, the rest on the finer one.
            total += 2 * jump + self.shape.decoder_depths[level - 1] * jump // 2
        return total

    @property
    def halo_px(self) -> int:
        """Context that makes a core pixel exact when the deepest level is `levels`."""
        # A cell of the deepest level that a core pixel depends on may begin up to a cell outside it.
        return rounded_up(self.encoder_px + self.decoder_px, 1 << (self.levels - 1))

    @property
    def encoder_halo_px(self) -> int:
        """Context that makes features over a core exact."""
        return rounded_up(self.encoder_px, STRIDE)


def rounded_up(length: int, step: int) -> int:
    """The smallest multiple of `step` that is at least `length`."""
    return -(-length // step) * step


class UniversalNetwork(nn.Module):
    """Encoder and decoder; features are responses before rectification, so that they spread evenly."""

    def __init__(self, shape: UniversalShape = SHIPPED, *, reflect: bool = True) -> None:
        """With `reflect` off, maps are padded by zeros: half the time of a training step, other borders."""
        super().__init__()
        self.shape, self.reflect = shape, reflect
        widths, inner = shape.widths, shape.inner
        self.openings = nn.ModuleList(
            [nn.Conv2d(3, widths[0], 3)]
            + [nn.Conv2d(inner[i - 1], widths[i], DOWN_KERNEL, stride=2) for i in range(1, LEVELS)]
        )
        self.encoders = nn.ModuleList(
            _chain(width, between, between, depth)
            for width, between, depth in zip(widths, (*inner, 0), shape.encoder_depths, strict=True)
        )
        finer = (shape.head, *inner)
        self.reducers = nn.ModuleList(
            nn.Conv2d(width, between, 3) for width, between in zip(widths, finer, strict=True)
        )
        self.decoders = nn.ModuleList(
            _chain(between, between, below, depth)
            for between, below, depth in zip(finer, (0, *widths[:-1]), shape.decoder_depths, strict=True)
        )
        self.last = nn.Conv2d(shape.head, 3, 3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if shape.is_picture:
            self._start_with_the_picture()

    @torch.no_grad()
    def _start_with_the_picture(self) -> None:
        """Level 1 holds the pixels, and its block gives them back: x is max(x, 0) - max(-x, 0)."""
        opening, reducer = self.opening(1), self.reducer(1)
        opening.weight.zero_()
        self.last.weight.zero_()
        if opening.bias is not None:
            opening.bias.fill_(0.5)
        for channel in range(3):
            opening.weight[channel, channel, 1, 1] = 0.5  # the convolution is given -1..1
            for half, sign in ((0, 1.0), (3, -1.0)):
                reducer.weight[half + channel].zero_()
                reducer.weight[half + channel, channel, 1, 1] = sign
                self.last.weight[channel, half + channel, 1, 1] = sign

    def opening(self, level: int) -> nn.Conv2d:
        """The convolution whose response is the features of `level` (1 to 5)."""
        return convolution(self.openings[level - 1])

    def inner(self, level: int) -> list[nn.Conv2d]:
        """The convolutions between the features of `level` and the opening of the next."""
        return _convolutions(self.encoders[level - 1])

    def reducer(self, level: int) -> nn.Conv2d:
        """The convolution that reads features of `level` on the way back."""
        return convolution(self.reducers[level - 1])

    def refiners(self, level: int) -> list[nn.Conv2d]:
        """The convolutions after the doubling that leaves `level` (2 to 5)."""
        return _convolutions(self.decoders[level - 1])

    def open(self, pixels: Tensor) -> Tensor:
        """Features of level 1. `pixels`: float, N x 3 x H x W, sRGB 0..1, sides multiples of `STRIDE`."""
        return self._convolve(self.opening(1), pixels * 2 - 1)

    def deeper(self, features: Tensor, level: int) -> Tensor:
        """Features of `level` + 1 from those of `level` (1 to 4): N x C x h x w -> N x C' x h/2 x w/2."""
        if not self.shape.is_picture:
            features = F.relu(features)
        for conv in self.inner(level):
            features = F.relu(self._convolve(conv, features))
        return self._convolve(self.opening(level + 1), features)

    def encode(self, pixels: Tensor, levels: int = LEVELS) -> list[Tensor]:
        """Features of levels 1 to `levels`."""
        features = [self.open(pixels)]
        for level in range(1, levels):
            features.append(self.deeper(features[-1], level))
        return features

    def shallower(self, features: Tensor, level: int) -> Tensor:
        """Features of `level` - 1 from those of `level` (2 to 5), or pixels (not clamped) from level 1."""
        features = self._convolve(self.reducer(level), features)
        if level == 1:
            return self._convolve(self.last, F.relu(features))
        features = F.interpolate(F.relu(features), scale_factor=2.0, mode="bilinear", align_corners=False)
        *inner, final = self.refiners(level)
        for conv in inner:
            features = F.relu(self._convolve(conv, features))
        return self._convolve(final, features)

    def _convolve(self, conv: nn.Conv2d, features: Tensor) -> Tensor:
        """A convolution that keeps (or halves) the size."""
        if not self.reflect:
            return F.conv2d(features, conv.weight, conv.bias, stride=conv.stride, padding=1)
        padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, conv.weight, conv.bias, stride=conv.stride)

    def decode(self, features: Tensor, level: int) -> Tensor:
        """Pixels from features of `level`, with nothing changed on the way."""
        for step in range(level, 0, -1):
            features = self.shallower(features, step)
        return features


def _chain(first: int, inner: int, last: int, depth: int) -> nn.ModuleList:
    """`depth` convolutions from `first` channels to `last`, with `inner` between."""
    widths = [first, *[inner] * (depth - 1), last]
    return nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 3) for i in range(depth))


def convolution(module: nn.Module) -> nn.Conv2d:
    """The module as a convolution, for type checkers."""
    assert isinstance(module, nn.Conv2d)  # noqa: S101 - as made above
    return module


def _convolutions(modules: nn.Module) -> list[nn.Conv2d]:
    assert isinstance(modules, nn.ModuleList)  # noqa: S101 - as made above
    return [convolution(module) for module in modules]


def parameters_of(network: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def seeded(seed: int, shape: UniversalShape = SHIPPED, *, reflect: bool = True) -> UniversalNetwork:
    """A network drawn by `seed`: where training starts, and what tests of exactness use."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UniversalNetwork(shape, reflect=reflect)
