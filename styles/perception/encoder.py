"""Perceptual encoders: features of a picture by layer name, from a VGG-19 or from the compact network.

Simonyan and Zisserman 2014; average pooling as Gatys et al. 2016, section 2, or the network's own maximum.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.styles.errors import UnknownLayer
from giornata.styles.perception.vgg import Architecture

CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet, on 0..255
TORCHVISION_MEAN = (0.485, 0.456, 0.406)
TORCHVISION_DEVIATION = (0.229, 0.224, 0.225)


class Pooling(StrEnum):
    """Pooling between two blocks."""

    AVERAGE = "average"
    MAXIMUM = "max"


class Preprocessing(StrEnum):
    """Pixel format that a weight file expects; the wrong one gives wrong features without a warning.

    `caffe`: BGR, times 255, minus the ImageNet mean (the original weights). `torchvision`: RGB, minus a
    mean, over a deviation. `centred`: RGB to -1..1 (the compact encoder).
    """

    CAFFE = "caffe"
    TORCHVISION = "torchvision"
    CENTRED = "centred"


def preprocessed(pixels: Tensor, kind: Preprocessing) -> Tensor:
    """sRGB 0..1, N x 3 x H x W -> input of the first convolution, same shape and type."""

    def channels(values: tuple[float, float, float]) -> Tensor:
        return pixels.new_tensor(values).view(1, 3, 1, 1)

    match kind:
        case Preprocessing.CAFFE:
            return pixels.flip(1) * 255 - channels(CAFFE_MEAN_BGR)
        case Preprocessing.TORCHVISION:
            return (pixels - channels(TORCHVISION_MEAN)) / channels(TORCHVISION_DEVIATION)
        case Preprocessing.CENTRED:
            return pixels * 2 - 1


class Encoder(nn.Module):
    """Convolutions of an architecture, as far as the weights go.

    `weights` holds ``conv1_1.weight`` (out x in x 3 x 3), ``conv1_1.bias`` and so on, and may hold
    ``tap1_1.weight`` (out x in): a linear map that a rectified layer passes before it is handed out. The
    compact encoder has them, so that distances between its features are those of its teachers.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, Tensor],
        *,
        preprocessing: Preprocessing,
        pooling: Pooling = Pooling.AVERAGE,
        identity: str = "",
    ) -> None:
        """`identity` tells these weights from others, in records: a name and a hash."""
        super().__init__()
        self.architecture, self.preprocessing, self.pooling = architecture, preprocessing, pooling
        self.identity = identity
        self.steps = [step for step in architecture.convolutions() if f"conv{step.key}.weight" in weights]
        for key, tensor in weights.items():
            self.register_buffer(key.replace(".", "_"), tensor.float(), persistent=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """The rectified layers these weights reach."""
        return tuple(f"relu{step.key}" for step in self.steps)

    def check(self, layers: Collection[str]) -> None:
        """Raise `UnknownLayer` unless the weights reach all of `layers`."""
        for layer in layers:
            if f"relu{self.architecture.find(layer).key}" not in self.layers:
                raise UnknownLayer(layer, self.layers)

    def forward(self, pixels: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Features of `layers` (``relu3_1``, ``conv4_2`` …), each N x C x H/stride x W/stride.

        `pixels`: float, N x 3 x H x W, sRGB 0..1. Odd sides lose their last row or column in pooling. Pixels
        go on beyond the border as they end there, as in crowsonkb/style-transfer-pytorch; maps do with zeros.
        """
        # Zeros outside would look like a dark frame, and an optimisation paints one against it.
        features = F.pad(preprocessed(pixels, self.preprocessing), (1, 1, 1, 1), mode="replicate")
        outputs = dict[str, Tensor]()
        for step in self.steps:
            if step.opens_block:
                features = self._pooled(features)
            weight, bias = (self.get_buffer(f"conv{step.key}_{part}") for part in ("weight", "bias"))
            response = F.conv2d(features, weight, bias, padding=0 if step is self.steps[0] else 1)
            features = F.relu(response)
            if f"conv{step.key}" in layers:
                outputs[f"conv{step.key}"] = response
            if f"relu{step.key}" in layers:
                outputs[f"relu{step.key}"] = self._tapped(features, step.key)
            if len(outputs) == len(layers):
                break
        return outputs

    def _pooled(self, features: Tensor) -> Tensor:
        return F.avg_pool2d(features, 2) if self.pooling is Pooling.AVERAGE else F.max_pool2d(features, 2)

    def _tapped(self, features: Tensor, key: str) -> Tensor:
        tap = getattr(self, f"tap{key}_weight", None)
        return features if tap is None else F.conv2d(features, tap[:, :, None, None])


def random_weights(architecture: Architecture, *, seed: int) -> dict[str, Tensor]:
    """Weights as He et al. 2015 draw them: where a training starts, and what tests of exactness use."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}
    for conv in architecture.convolutions():
        scale = (2 / (9 * conv.inputs)) ** 0.5
        weights[f"conv{conv.key}.weight"] = scale * torch.randn(
            conv.outputs, conv.inputs, 3, 3, generator=generator
        )
        weights[f"conv{conv.key}.bias"] = torch.zeros(conv.outputs)
    return weights
