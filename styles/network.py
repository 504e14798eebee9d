"""The feed-forward transformer network: Johnson et al. 2016 with conditional instance normalisation.

One network holds many styles. A style is a row of four numbers per normalised channel, so styles mix by
weights and ``strength`` walks towards an *identity* style that was trained in.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5  # what torch.nn.InstanceNorm2d uses; part of the weights' meaning, so never a setting
STRIDE = 4  # two halvings
HALO_PX = 64  # the receptive field reaches 57 px; rounded up to a multiple of the stride
MIN_SIDE = 16  # below this the quarter-size maps are too small for reflection padding and for statistics


@dataclass(frozen=True)
class StageShape:
    """What one convolution and the normalisation after it look like.

    ``role`` is ``plain``, ``open`` (remember the input, then as plain) or ``close`` (add the remembered
    input instead of rectifying). ``scale`` is the resolution change: 0.5, 1 or 2.
    """

    inputs: int
    outputs: int
    kernel: int
    scale: float
    role: str


def stage_shapes(width: int, blocks: int) -> tuple[StageShape, ...]:
    """The normalised stages of a network of `width` channels at full size and `blocks` residual blocks."""
    deep = 4 * width
    residual = (StageShape(deep, deep, 3, 1, "open"), StageShape(deep, deep, 3, 1, "close")) * blocks
    return (
        StageShape(3, width, 9, 1, "plain"),
        StageShape(width, 2 * width, 3, 0.5, "plain"),
        StageShape(2 * width, deep, 3, 0.5, "plain"),
        *residual,
        StageShape(deep, 2 * width, 3, 2, "plain"),
        StageShape(2 * width, width, 3, 2, "plain"),
    )


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
            # Nearest neighbour then convolution leaves no checkerboard (Odena et al. 2016).
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
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


class TransformerNetwork(nn.Module):
    """Styles pictures in one pass; `forward` is the plain, whole-picture definition of the result."""

    def __init__(self, *, styles: int, width: int = 32, blocks: int = 5) -> None:
        super().__init__()
        self.width, self.blocks, self.styles = width, blocks, styles
        self.stages = nn.ModuleList(Stage(shape, styles) for shape in stage_shapes(width, blocks))
        self.last = nn.Conv2d(width, 3, 9, padding=4, padding_mode="reflect")

    def normalised(self) -> list[Stage]:
        """The stages in order; each ends in one exchange of statistics when tiled."""
        return [stage for stage in self.stages if isinstance(stage, Stage)]

    def forward(self, pixels: Tensor, weights: Tensor) -> Tensor:
        """Style `pixels` by `weights`.

        `pixels`: float32, N x 3 x H x W, sRGB 0..1, H and W multiples of 4 and at least 16.
        `weights`: float32, N x styles. Returns N x 3 x H x W, sRGB 0..1, on the same device.
        """
        features, kept = pixels * 2 - 1, pixels
        for stage in self.normalised():
            role = stage.shape.role
            if role == "open":
                kept = features
            features = stage.convolve(features)
            mean = features.mean((2, 3))
            # Several times faster than a two-pass variance, and the features are near zero mean.
            variance = (features.square().mean((2, 3)) - mean.square()).clamp_min(0)
            scale, shift = stage.affine(mean, (variance + EPSILON).sqrt(), weights)
            features = features * scale[:, :, None, None] + shift[:, :, None, None]
            features = features + kept if role == "close" else F.relu(features)
        return torch.sigmoid(self.last(features))
