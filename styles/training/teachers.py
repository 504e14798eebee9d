"""The teachers of training: the original VGG-19 convolutions and a compressed VGG-19, from their files."""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

# BGR means of ImageNet on 0..255, the preprocessing the original VGG weights expect (Simonyan 2014).
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


def caffe_input(pixels: Tensor) -> Tensor:
    """sRGB 0..1, N x 3 x H x W -> BGR times 255 minus the ImageNet mean, same shape."""
    mean = pixels.new_tensor(CAFFE_MEAN_BGR).view(1, 3, 1, 1)
    return pixels.flip(1) * 255 - mean


class Vgg19(nn.Module):
    """The VGG-19 convolutions present in a weight file, with average pooling between its blocks.

    Average pooling instead of max, as Gatys et al. 2016 section 2 found smoother to optimise; `maximum`
    gives the network as it was trained.
    """

    def __init__(self, weights: Path, *, maximum: bool = False) -> None:
        super().__init__()
        self.pool = F.max_pool2d if maximum else F.avg_pool2d
        tensors = load_file(weights)
        self.names = sorted({key.rsplit(".", 1)[0] for key in tensors})  # conv1_1 … conv3_4
        for name in self.names:
            self.register_buffer(f"{name}_weight", tensors[f"{name}.weight"].float(), persistent=False)
            self.register_buffer(f"{name}_bias", tensors[f"{name}.bias"].float(), persistent=False)

    def forward(self, pixels: Tensor, layers: frozenset[str]) -> dict[str, Tensor]:
        """Features of `layers` (``relu3_1`` …), each N x C x H/2^k x W/2^k.

        `pixels`: float32, N x 3 x H x W, sRGB 0..1.
        """
        features, block, outputs = caffe_input(pixels), "1", {}
        for name in self.names:
            if name[4] != block:
                features, block = self.pool(features, 2), name[4]
            weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
            features = F.relu(F.conv2d(features, weight, bias, padding=1))
            layer = name.replace("conv", "relu")
            if layer in layers:
                outputs[layer] = features
            if len(outputs) == len(layers):
                break
        return outputs


class CompressedVgg19(nn.Module):
    """The deep layers of a 16 times compressed VGG-19 (Wang et al. 2020): wide views for little work.

    Used only to judge large structure while training; its weights are never shipped.
    """

    ORDER = ("11", "12", "P", "21", "22", "P", "31", "32", "33", "34", "P", "41", "42", "43", "44", "P", "51")

    def __init__(self, weights: Path) -> None:
        super().__init__()
        for key, tensor in load_file(weights).items():
            if "aux" not in key:
                self.register_buffer(key.replace(".", "_"), tensor.float(), persistent=False)

    def forward(self, pixels: Tensor, layers: frozenset[str]) -> dict[str, Tensor]:
        """Features of `layers` (``relu4_1``, ``relu5_1`` …) in the small network's own channels.

        ``conv4_1`` is what `relu4_1` was before rectification.
        """
        features = F.conv2d(pixels, self.get_buffer("conv0_weight"), self.get_buffer("conv0_bias"))
        outputs: dict[str, Tensor] = {}
        for step in self.ORDER:
            if step == "P":
                features = F.max_pool2d(features, 2)
                continue
            padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
            weight, bias = self.get_buffer(f"conv{step}_weight"), self.get_buffer(f"conv{step}_bias")
            responses = F.conv2d(padded, weight, bias)
            features = F.relu(responses)
            place = f"{step[0]}_{step[1]}"
            for layer, value in ((f"conv{place}", responses), (f"relu{place}", features)):
                if layer in layers:
                    outputs[layer] = value
            if len(outputs) == len(layers):
                break
        return outputs


def gram(features: Tensor) -> Tensor:
    """Gram matrices of `features`, N x C x H x W -> float32, N x C x C, divided by H·W (positions)."""
    flat = features.flatten(2).float()
    return torch.bmm(flat, flat.transpose(1, 2)) / flat.shape[2]
