"""The cascade of Wang et al. 2020 for batches: whitening and colouring at five levels, one after another.

"Collaborative Distillation for Ultra-Resolution Universal Style Transfer": an encoder and a decoder a level,
16 times compressed. A teacher only; its weights are never shipped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

FOLDER = "universal_16x"
LEVELS = (5, 4, 3, 2, 1)
# In the encoder's order; P halves. A decoder mirrors it and doubles before the layer of the same block's end.
ENCODER = ("11", "12", "P", "21", "22", "P", "31", "32", "33", "34", "P", "41", "42", "43", "44", "P", "51")
DOUBLED_BEFORE = frozenset({"44", "34", "22", "12"})
LEAST_EIGENVALUE = 1e-5  # of features in Caffe's range; as the paper's code leaves out what is below
Weights = Mapping[str, Tensor]


def wct_files(folder: Path) -> tuple[Path, ...]:
    """The ten weight files of the cascade below a folder of teachers, whether they are there or not."""
    return tuple(folder / FOLDER / f"{level}S{part}.safetensors" for level in LEVELS for part in "ED")


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Means (N x C x 1) and covariances (N x C x C) of features, float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "FeatureStatistics":
        """Statistics over the positions of `features`, N x C x h x w."""
        flat = features.flatten(2).double()
        mean = flat.mean(2, keepdim=True)
        centred = flat - mean
        return cls(mean, centred @ centred.transpose(1, 2) / max(1, centred.shape[2] - 1))

    @classmethod
    def stacked(cls, parts: Sequence["FeatureStatistics"]) -> "FeatureStatistics":
        """Several statistics as one batch."""
        means, covariances = [part.mean for part in parts], [part.covariance for part in parts]
        return cls(torch.cat(means), torch.cat(covariances))


class WctTeacher:
    """Paints batches after the statistics of paintings."""

    def __init__(self, folder: Path, *, read: Callable[[Path], Weights] = load_file) -> None:
        """`folder` holds `FOLDER`; raises what `read` does."""
        tensors = {path.stem: read(path) for path in wct_files(folder)}
        self.levels = [(level, tensors[f"{level}SE"], tensors[f"{level}SD"]) for level in LEVELS]

    @torch.no_grad()
    def statistics(self, painting: Tensor) -> dict[int, FeatureStatistics]:
        """Statistics of a painting (float32, 1 x 3 x H x W, sRGB 0..1) by level."""
        return {level: FeatureStatistics.of(encoded(painting, encoder)) for level, encoder, _ in self.levels}

    @torch.no_grad()
    def __call__(
        self, pixels: Tensor, styles: Mapping[int, FeatureStatistics], alpha: Tensor, *, deepest: int = 5
    ) -> Tensor:
        """`pixels` (float32, N x 3 x H x W, 0..1, sides multiples of 16) painted from level `deepest` up.

        `alpha` (N) is the paper's blend of features: 0 leaves them, 1 replaces them.
        """
        share = alpha.view(-1, 1, 1, 1)
        for level, encoder, decoder in self.levels:
            if level <= deepest:
                features = encoded(pixels, encoder)
                pixels = decoded(torch.lerp(features, coloured(features, styles[level]), share), decoder)
        return pixels.clamp(0, 1)


def convolved(features: Tensor, weights: Weights, key: str, *, stride: int = 1) -> Tensor:
    """A convolution reflected at the border; its groups follow from the weights' shape."""
    weight, bias = weights[f"{key}.weight"], weights[f"{key}.bias"]
    padding = weight.shape[-1] // 2
    padded = F.pad(features, (padding,) * 4, mode="reflect")
    return F.conv2d(padded, weight, bias, stride=stride, groups=features.shape[1] // weight.shape[1])


def encoded(pixels: Tensor, weights: Weights) -> Tensor:
    """Features of an encoder's last layer: N x 3 x H x W, 0..1 -> N x C x h x w."""
    features = F.conv2d(pixels, weights["conv0.weight"], weights["conv0.bias"])
    for step in _present(ENCODER, weights):
        if step == "P":
            features = F.max_pool2d(features, 2)
        else:
            features = F.relu(convolved(features, weights, f"conv{step}"))
    return features


def decoded(features: Tensor, weights: Weights) -> Tensor:
    """Pixels of a decoder, not clamped: N x C x h x w -> N x 3 x H x W."""
    steps = [step for step in reversed(tuple(_present(ENCODER, weights))) if step != "P"]
    for step in steps:
        if step in DOUBLED_BEFORE:
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        features = convolved(features, weights, f"conv{step}")
        features = features if step == steps[-1] else F.relu(features)
    return features


def _present(steps: Iterable[str], weights: Weights) -> Iterable[str]:
    """Steps up to the last convolution that the weights have."""
    for step in steps:
        if step != "P" and f"conv{step}.weight" not in weights:
            return
        yield step


def coloured(features: Tensor, style: FeatureStatistics) -> Tensor:
    """Features moved to the statistics of `style`: equations 3 and 4 of Li et al. 2017."""
    own = FeatureStatistics.of(features)
    matrix = _power(style.covariance, 0.5) @ _power(own.covariance, -0.5)
    offset = (style.mean - matrix @ own.mean).float()
    return (matrix.float() @ features.flatten(2) + offset).view_as(features)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    powers = torch.where(values > LEAST_EIGENVALUE, values.clamp_min(LEAST_EIGENVALUE) ** exponent, 0)
    return (vectors * powers[:, None]) @ vectors.transpose(1, 2)
