"""The feed-forward transformer network: Johnson et al. 2016 with conditional instance normalisation.

One network holds many styles. A style is a row of four numbers per normalised channel, so styles mix by
weights and ``strength`` walks towards an *identity* style that was trained in.
"""

import json
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5  # what torch.nn.InstanceNorm2d uses; part of the weights' meaning, so never a setting
STRIDE = 4  # two halvings
MIN_SIDE = 16  # below this the quarter-size maps are too small for reflection padding and for statistics
END_KERNEL = 9  # of the first and the last convolution
HALO_STEP_PX = 8  # halos are rounded up to it; a multiple of the stride


@dataclass(frozen=True)
class StageShape:
    """Shape of one convolution and the normalisation after it.

    ``role`` is ``plain``, ``open`` (remember the input, then as plain) or ``close`` (add the remembered
    input instead of rectifying). ``scale`` is the resolution change: 0.5, 1 or 2; ``smooth`` tells that a
    doubling is followed by a [1 2 1]/4 blur.
    """

    inputs: int
    outputs: int
    kernel: int
    scale: float
    role: str
    smooth: bool = False


@dataclass(frozen=True)
class NetworkShape:
    """The shape of a transformer network, as a weight file states it.

    `down` are the channels at full, half and quarter size on the way in, `up` those at half and full size
    on the way out. With `smooth` every nearest doubling is followed by a fixed [1 2 1]/4 blur in both
    directions, which together are a bilinear doubling and leave no energy at a period of 2 px.
    """

    down: tuple[int, int, int] = (32, 64, 128)
    blocks: int = 5
    up: tuple[int, int] = (64, 32)
    smooth: bool = False

    @property
    def stages(self) -> tuple[StageShape, ...]:
        """The normalised stages in order."""
        full, half, deep = self.down
        residual = (StageShape(deep, deep, 3, 1, "open"), StageShape(deep, deep, 3, 1, "close")) * self.blocks
        return (
            StageShape(3, full, END_KERNEL, 1, "plain"),
            StageShape(full, half, 3, 0.5, "plain"),
            StageShape(half, deep, 3, 0.5, "plain"),
            *residual,
            StageShape(deep, self.up[0], 3, 2, "plain", self.smooth),
            StageShape(self.up[0], self.up[1], 3, 2, "plain", self.smooth),
        )

    @property
    def reach_px(self) -> int:
        """How far an output pixel depends on others when the statistics are fixed."""
        jump, reach = 1, END_KERNEL // 2
        for stage in reversed(self.stages):
            if stage.scale == 2:
                # Nearest reads the coarse position it lies in, bilinear one neighbour of it too.
                reach += jump * (stage.kernel // 2 + (2 if stage.smooth else 1))
                jump *= 2
            else:
                jump = int(jump * stage.scale)
                reach += jump * (stage.kernel // 2)
        return reach

    @property
    def halo_px(self) -> int:
        """Context that makes a core pixel exact."""
        return -(-self.reach_px // HALO_STEP_PX) * HALO_STEP_PX

    @property
    def full_width(self) -> int:
        """The most channels that lie at full size."""
        return max(self.down[0], self.up[1])

    def as_text(self) -> str:
        """JSON, for a weight file's header."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "NetworkShape":
        """The inverse of `as_text`. Raises `ValueError`, `TypeError` or `KeyError`."""
        fields = json.loads(text)
        full, half, deep = (int(width) for width in fields["down"])
        wide, last = (int(width) for width in fields["up"])
        return cls((full, half, deep), int(fields["blocks"]), (wide, last), bool(fields["smooth"]))


def classic_shape(width: int, blocks: int) -> NetworkShape:
    """Johnson et al.'s shape: `width` channels at full size, twice as many at every halving, not smooth."""
    return NetworkShape((width, 2 * width, 4 * width), blocks, (2 * width, width))


class Stage(nn.Module):
    """One reflection-padded convolution and the conditional normalisation's table.

    The table is float32, styles x 2 x channels: gain and bias, as in Dumoulin et al. 2017. Differing from
    them, the plain stages have two rows more: the shares of the channel's own deviation and mean that pass
    through. They start at zero (then this is exactly their layer) and let a style, above all the identity,
    keep a picture's own brightness, which instance normalisation throws away. The residual trunk carries
    it past the stages between.
    """

    def __init__(self, shape: StageShape, styles: int) -> None:
        super().__init__()
        self.shape = shape
        self.conv = nn.Conv2d(
            shape.inputs,
            shape.outputs,
            shape.kernel,
            stride=2 if shape.scale == 0.5 else 1,
            padding=shape.kernel // 2,
            padding_mode="reflect",
        )
        table = torch.zeros(styles, 4 if shape.role == "plain" else 2, shape.outputs)
        table[:, 0] = 1.0
        self.table = nn.Parameter(table)

    def convolve(self, features: Tensor) -> Tensor:
        """Float, N x inputs x H x W -> N x outputs x scale·H x scale·W, not yet normalised."""
        if self.shape.scale == 2:
            features = doubled(features, smooth=self.shape.smooth)
        return self.conv(features)

    def affine(self, mean: Tensor, deviation: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, N x channels, that normalise features of this `mean` and `deviation`.

        `mean` and `deviation` are N x channels; `weights` is N x styles and sums to one in each row.
        """
        gain, bias, *passed = torch.einsum("ns,sqc->qnc", weights, self.table.to(weights.dtype))
        if not passed:
            scale = gain / deviation
            return scale, bias - scale * mean
        keep_deviation, keep_mean = passed
        scale = gain / deviation + keep_deviation
        return scale, bias + (keep_mean - scale) * mean


def doubled(features: Tensor, *, smooth: bool) -> Tensor:
    """Float, N x C x h x w at twice the size; a convolution after it leaves no checkerboard (Odena 2016)."""
    if smooth:
        return F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
    return F.interpolate(features, scale_factor=2.0, mode="nearest")


class TransformerNetwork(nn.Module):
    """Styles pictures in one pass; `forward` is the plain, whole-picture definition of the result."""

    def __init__(
        self, *, styles: int, width: int = 32, blocks: int = 5, shape: NetworkShape | None = None
    ) -> None:
        """A network of `shape`, or of the classic one of `width` channels and `blocks` residual blocks."""
        super().__init__()
        self.styles, self.shape = styles, shape or classic_shape(width, blocks)
        self.stages = nn.ModuleList(Stage(stage, styles) for stage in self.shape.stages)
        pad = END_KERNEL // 2
        self.last = nn.Conv2d(self.shape.up[1], 3, END_KERNEL, padding=pad, padding_mode="reflect")

    def normalised(self) -> list[Stage]:
        """The stages in order; each ends in one exchange of statistics when tiled."""
        return [stage for stage in self.stages if isinstance(stage, Stage)]

    def forward(self, pixels: Tensor, weights: Tensor) -> Tensor:
        """Style `pixels` by `weights`.

        `pixels`: float32, N x 3 x H x W, sRGB 0..1, H and W multiples of 4 and at least 16.
        `weights`: float32, N x styles. Returns N x 3 x H x W, sRGB 0..1, on the same device.
        """
        features, shortcut = pixels * 2 - 1, pixels
        for stage in self.normalised():
            role = stage.shape.role
            if role == "open":
                shortcut = features
            features = stage.convolve(features)
            mean = features.mean((2, 3), dtype=torch.float32)
            # Several times faster than a two-pass variance, and the features are near zero mean.
            squares = features.square().mean((2, 3), dtype=torch.float32)
            variance = (squares - mean.square()).clamp_min(0)
            with torch.autocast(features.device.type, enabled=False):
                scale, shift = stage.affine(mean, (variance + EPSILON).sqrt(), weights)
            scale, shift = (v.to(features.dtype)[:, :, None, None] for v in (scale, shift))
            features = features * scale + shift
            features = features + shortcut if role == "close" else F.relu(features)
        return torch.sigmoid(self.last(features).float())
