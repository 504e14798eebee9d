"""Style and content losses of the universal network's training, seen through random shifts, scales and noise.

Style is the distance of channel means and centred covariances, relative to the painting's own, in layers of
VGG-19 and of a compressed VGG-19. A network that is trained against a small teacher learns to fool it; what
moves under the teacher's eyes cannot (`jittered`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.styles.training.teachers import CompressedVgg19, Vgg19
from giornata.styles.universal.batch_transform import batch_statistics

# Halvings -> layer -> weight. Shallow layers weigh little: their statistics are colour and grain.
TRUE_LAYERS = {
    0: {"relu1_1": 0.2, "relu2_1": 0.4, "relu3_1": 1.0},
    1: {"relu2_1": 0.4, "relu3_1": 1.0},
}
DEEP_LAYERS = {"relu2_1": 0.2, "relu3_1": 0.4, "relu4_1": 1.0, "relu5_1": 0.5}
MEAN_SHARE = 0.5  # of a layer's weight for means; the rest is for covariances
TRUE_CONTENT, CONTENT_HALVINGS = "relu3_1", 1
DEEP_CONTENT = "relu4_1"
FULL_SHARE = 0.5
SCALES = (0.8, 1.25)
SHIFT_PX = 8
NOISE = 0.02
CALM = 0.03  # a step of a thirtieth of the range counts as calm ground
CALM_HALVINGS = (2, 3)


@dataclass(frozen=True)
class StyleSums:
    """Means (N x C) and centred covariances (N x C x C) by ``network/halvings/layer``."""

    means: dict[str, Tensor]
    covariances: dict[str, Tensor]


class PerceptualLoss(nn.Module):
    """Losses of a painted photograph while training; never a measure of quality."""

    def __init__(self, encoder: Path, deep_encoder: Path) -> None:
        super().__init__()
        self.true = Vgg19(encoder)
        self.deep = CompressedVgg19(deep_encoder)
        self.to(memory_format=torch.channels_last)
        self.weights = {
            **{f"true/{level}/{name}": w for level, row in TRUE_LAYERS.items() for name, w in row.items()},
            **{f"deep/0/{name}": w for name, w in DEEP_LAYERS.items()},
        }

    def seen(self, pixels: Tensor, halvings: Collection[int] = tuple(TRUE_LAYERS)) -> dict[str, Tensor]:
        """Features by ``network/halvings/layer``; `pixels`: float, N x 3 x H x W, sRGB 0..1.

        `halvings` are the sizes at which VGG-19 looks.
        """
        all_features = dict[str, Tensor]()
        for level in halvings:
            row = TRUE_LAYERS[level]
            view = F.avg_pool2d(pixels, 2) if level else pixels
            features = self.true(view, frozenset(row))
            all_features |= {f"true/{level}/{name}": value for name, value in features.items()}
        features = self.deep(pixels, frozenset(DEEP_LAYERS))
        return all_features | {f"deep/0/{name}": value for name, value in features.items()}

    def sums(self, seen: dict[str, Tensor]) -> StyleSums:
        """Style statistics of features."""
        statistics = {key: batch_statistics(features) for key, features in seen.items()}
        means = {key: entry.mean for key, entry in statistics.items()}
        covariances = {key: entry.covariance for key, entry in statistics.items()}
        return StyleSums(means, covariances)

    def style_distance(self, output: StyleSums, target: StyleSums) -> Tensor:
        """Weighted mean over layers of log(1 + relative distance), N.

        The logarithm keeps a calm painting, whose covariances are small, from shouting all others down.
        """
        total, whole = torch.zeros(1), sum(self.weights[key] for key in output.means)
        for key in output.means:
            weight = self.weights[key]
            mean = relative(output.means[key], target.means[key])
            covariance = relative(output.covariances[key], target.covariances[key])
            distance = MEAN_SHARE * mean.log1p() + (1 - MEAN_SHARE) * covariance.log1p()
            total = total.to(mean) + weight * distance
        return total / whole

    def content_distance(self, features: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
        """Mean squared distance of features normalised by channel: colour and contrast may change, N."""
        keys = (f"true/{CONTENT_HALVINGS}/{TRUE_CONTENT}", f"deep/0/{DEEP_CONTENT}")
        parts = [normalised(features[key]) - normalised(targets[key]) for key in keys]
        return torch.stack([part.square().mean((1, 2, 3)) for part in parts]).mean(0)

    def forward(
        self, output: Tensor, pixels: Tensor, target: StyleSums, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Unweighted losses of `output` for the photographs `pixels` (both N x 3 x H x W, sRGB 0..1)."""
        view, original = jittered(output, pixels, generator)
        # Full size costs as much as all else together: it is looked at every other time.
        full = torch.rand((), generator=generator) < FULL_SHARE
        seen = self.seen(view, (0, CONTENT_HALVINGS) if full else (CONTENT_HALVINGS,))
        with torch.no_grad():
            expected = self.seen(original, (CONTENT_HALVINGS,))
        outside = F.relu(output - 1) + F.relu(-output)
        return {
            "style": self.style_distance(self.sums(seen), target).mean(),
            "content": self.content_distance(seen, expected).mean(),
            "variation": variation(output).mean(),
            "unrest": unrest(output, pixels).mean(),
            "range": outside.square().mean(),
        }


def relative(actual: Tensor, target: Tensor) -> Tensor:
    """Squared distance over the squared norm of the target, per sample: N x ... -> N."""
    difference = (actual.float() - target.float()).flatten(1).square().sum(1)
    return difference / target.float().flatten(1).square().sum(1).clamp_min(1e-8)


def normalised(features: Tensor) -> Tensor:
    """Features of mean 0 and deviation 1 by channel and sample."""
    features = features.float()
    mean = features.mean((2, 3), keepdim=True)
    deviation = features.var((2, 3), keepdim=True, unbiased=False).add(1e-3).sqrt()
    return (features - mean) / deviation


def jittered(output: Tensor, pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Both pictures through one random scale and shift; noise of its own on the first."""
    side = min(output.shape[2:])
    draw = torch.rand(3, generator=generator)
    scale = float(SCALES[0] + draw[0] * (SCALES[1] - SCALES[0]))
    top, left = (int(value * SHIFT_PX) for value in draw[1:])
    size = max(64, round(scale * (side - SHIFT_PX) / 16) * 16)

    def view(image: Tensor) -> Tensor:
        cut = image[:, :, top : top + side - SHIFT_PX, left : left + side - SHIFT_PX]
        sized = F.interpolate(cut.float(), size=(size, size), mode="bilinear", antialias=scale < 1)
        return sized.contiguous(memory_format=torch.channels_last)

    noise = NOISE * torch.randn(output.shape[0], 3, size, size, generator=generator).to(output.device)
    return view(output) + noise, view(pixels)


def variation(pixels: Tensor) -> Tensor:
    """L1 total variation per sample, mean over positions: N x 3 x H x W -> N."""
    down, right = (pixels.diff(dim=axis).abs().mean((1, 2, 3)) for axis in (2, 3))
    return down + right


def unrest(output: Tensor, pixels: Tensor) -> Tensor:
    """Coarse change of `output` where the photograph is calm, per sample: blobs on skies and walls."""
    total = torch.zeros(output.shape[0], device=output.device)
    for halvings in CALM_HALVINGS:
        pair = [F.avg_pool2d(image, 1 << halvings) for image in (output, pixels)]
        for axis in (2, 3):
            change, reason = (image.diff(dim=axis).abs().mean(1) for image in pair)
            total = total + (change * torch.exp(-reason / CALM)).mean((1, 2))
    return total
