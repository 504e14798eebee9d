"""The painters network's forward pass as training runs it: the same sums, in far fewer passes over memory.

`TransformerNetwork.forward` is the definition. Under autograd its normalisation takes some twenty passes over
every map; written as one function with a gradient of its own it takes eight.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.styles.feedforward.network import EPSILON, Stage, TransformerNetwork, doubled

POOL = 8  # sums are taken over squares of this side in the map's own type, and over the squares in float32


def channel_means(features: Tensor) -> Tensor:
    """Means over positions, float32, N x C: features N x C x H x W in any type."""
    pool = POOL
    while features.shape[2] % pool or features.shape[3] % pool:
        pool //= 2
    return F.avg_pool2d(features, pool).mean((2, 3), dtype=torch.float32)


class Normalised(torch.autograd.Function):
    """``relu(x · scale + shift)``, where scale and shift follow from the map's own moments and four rows.

    With m and d the mean and deviation of a channel: scale = gain / d + keep_deviation and
    shift = bias + (keep_mean - scale) · m, as `Stage.affine`. `rows` is float32, 4 x N x C.
    """

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, features: Tensor, rows: Tensor, rectify: bool
    ) -> Tensor:
        """See the class."""
        gain, bias, keep_deviation, keep_mean = rows
        near = channel_means(features)
        # Centred before it is squared: on calm ground a short type would lose the variance to the mean.
        centred = features - spread(near, features)
        rest = channel_means(centred)
        variance = (channel_means(centred.square()) - rest.square()).clamp_min(0)
        inverse = (variance + EPSILON).rsqrt()
        scale = gain * inverse + keep_deviation
        mean = spread(near, features).flatten(1).float() + rest
        shift = bias + keep_mean * mean - scale * rest
        output = torch.addcmul(spread(shift, features), centred, spread(scale, features))
        if rectify:
            output.relu_()
        ctx.save_for_backward(centred, rows, mean, rest, inverse, output if rectify else centred)
        ctx.rectify = rectify  # type: ignore[attr-defined]
        return output

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, given: Tensor) -> tuple[Tensor, Tensor, None]:
        """With u = (x - m) / d: the gradient of instance normalisation, and that of what is let through."""
        centred, rows, mean, rest, inverse, output = ctx.saved_tensors  # type: ignore[attr-defined]
        gain, _, keep_deviation, keep_mean = rows
        if ctx.rectify:  # type: ignore[attr-defined]
            given = torch.ops.aten.threshold_backward(given, output, 0)
        along = channel_means(given)  # mean of g
        moved = channel_means(given * centred) - along * rest  # mean of g · (x - m)
        # x -> gain·u + bias + keep_deviation·(x - m) + keep_mean·m, differentiated through m and d.
        on_given = gain * inverse + keep_deviation
        on_centred = -gain * inverse.pow(3) * moved
        constant = (keep_mean - on_given) * along - on_centred * rest
        gradient = torch.addcmul(spread(constant, centred), centred, spread(on_centred, centred))
        gradient.addcmul_(given, spread(on_given, centred))
        positions = centred.shape[2] * centred.shape[3]
        of_rows = torch.stack([moved * inverse, along, moved, along * mean]) * positions
        return gradient, of_rows, None


class Reflected(torch.autograd.Function):
    """As ``F.pad(features, (border,) * 4, mode="reflect")``, but what is channels last stays so."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, features: Tensor, border: int) -> Tensor:
        """See the class."""
        count, channels, height, width = features.shape
        size = (count, channels, height + 2 * border, width + 2 * border)
        output = torch.empty(
            size, dtype=features.dtype, device=features.device, memory_format=torch.channels_last
        )
        output[:, :, border:-border, border:-border] = features
        for axis, length in ((2, height), (3, width)):
            for inside, outside in borders(length, border):
                output.narrow(axis, outside, border).copy_(output.narrow(axis, inside, border).flip(axis))
        ctx.border = border  # type: ignore[attr-defined]
        return output

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, given: Tensor) -> tuple[Tensor, None]:
        """Add the gradient of a border to the positions it was reflected from."""
        border = ctx.border  # type: ignore[attr-defined]
        given = given.clone(memory_format=torch.channels_last)
        for axis in (3, 2):
            for inside, outside in borders(given.shape[axis] - 2 * border, border):
                given.narrow(axis, inside, border).add_(given.narrow(axis, outside, border).flip(axis))
        cut = given[:, :, border:-border, border:-border]
        return cut.contiguous(memory_format=torch.channels_last), None


def borders(length: int, border: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where each border of a padded axis is reflected from, and where it lies: first positions."""
    return (border + 1, 0), (length - 1, length + border)


def convolved(conv: nn.Conv2d, features: Tensor) -> Tensor:
    """As ``conv(features)`` for a convolution with reflected borders."""
    padded: Tensor = Reflected.apply(features, conv.kernel_size[0] // 2)
    return F.conv2d(padded, conv.weight, conv.bias, conv.stride)


def spread(values: Tensor, features: Tensor) -> Tensor:
    """N x C as N x C x 1 x 1 in the features' type."""
    return values.to(features.dtype)[:, :, None, None]


def normalised(stage: Stage, features: Tensor, weights: Tensor) -> Tensor:
    """`features` normalised, and rectified unless they close a residual block."""
    with torch.autocast(features.device.type, enabled=False):
        rows = torch.einsum("ns,sqc->qnc", weights, stage.table)
        if len(rows) == 2:  # inside the trunk nothing passes: the missing rows are zero
            rows = torch.cat([rows, torch.zeros_like(rows)])
    output: Tensor = Normalised.apply(features, rows, stage.shape.role != "close")
    return output


def painted(network: TransformerNetwork, pixels: Tensor, weights: Tensor) -> Tensor:
    """As `network(pixels, weights)`, for training under autocast; sides are multiples of 16."""
    features, shortcut = pixels * 2 - 1, pixels
    for stage in network.normalised():
        if stage.shape.role == "open":
            shortcut = features
        if stage.shape.scale == 2:
            features = doubled(features, smooth=stage.shape.smooth)
        features = normalised(stage, convolved(stage.conv, features), weights)
        if stage.shape.role == "close":
            features = features + shortcut
    return torch.sigmoid(convolved(network.last, features).float())
