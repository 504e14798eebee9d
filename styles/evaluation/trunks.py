"""The networks that judge: AlexNet and SqueezeNet 1.1 as LPIPS slices them, from a file, read only.

No training of ours ever sees these networks (see the evaluation's notes for those that it does see), so a
network of ours cannot have learnt to please them.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from giornata.styles.evaluation.errors import BadWeights
from giornata.styles.evaluation.metrics import Image
from giornata.styles.perception.encoder_files import torchvision_file

# LPIPS v0.1 (Zhang et al. 2018) moves RGB -1..1 to torchvision's normalisation by these.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
Weights = Mapping[str, Tensor]


class TrunkName(StrEnum):
    """The trunks that there are LPIPS heads for and no training of ours uses."""

    ALEX = "alex"
    SQUEEZE = "squeeze"


TITLES = {TrunkName.ALEX: "AlexNet", TrunkName.SQUEEZE: "SqueezeNet 1.1"}
CHANNELS = {
    TrunkName.ALEX: (64, 192, 384, 256, 256),
    TrunkName.SQUEEZE: (64, 128, 256, 384, 384, 512, 512),
}
TORCHVISION = {
    TrunkName.ALEX: "alexnet-owt-7be5be79.pth",
    TrunkName.SQUEEZE: "squeezenet1_1-b8a52dc0.pth",
}
MIN_SIDE_PX = 64  # AlexNet's last slice has then a position left


class Trunk:
    """One network, frozen, float32, on the CPU; `slices` gives the features that LPIPS compares."""

    def __init__(self, name: TrunkName, weights: Weights) -> None:
        """`weights` under torchvision's keys, ``features.0.weight`` …. Raises `BadWeights`."""
        self.name = name
        self.weights = {key: tensor.float() for key, tensor in weights.items()}
        self._run = _alex if name is TrunkName.ALEX else _squeeze
        self._check()

    def _check(self) -> None:
        try:
            blank = torch.zeros(1, 3, MIN_SIDE_PX, MIN_SIDE_PX)
            channels = tuple(features.shape[1] for features in self.slices(blank))
        except (KeyError, RuntimeError) as exc:
            reason = f"no {exc.args[0]}" if isinstance(exc, KeyError) else str(exc).splitlines()[0]
            raise BadWeights(TITLES[self.name], reason, "torchvision's tensors of this network") from exc
        if channels != CHANNELS[self.name]:
            raise BadWeights(TITLES[self.name], f"slices of {channels} channels", f"{CHANNELS[self.name]}")

    @torch.inference_mode()
    def slices(self, pixels: Tensor) -> list[Tensor]:
        """Features slice by slice, each N x C x h x w. `pixels`: float32, N x 3 x H x W, sRGB 0..1."""
        shift, scale = (pixels.new_tensor(values).view(1, 3, 1, 1) for values in (SHIFT, SCALE))
        return self._run((pixels * 2 - 1 - shift) / scale, self.weights)


def as_tensor(image: Image) -> Tensor:
    """float32, H x W x 3 -> float32, 1 x 3 x H x W, of the same values."""
    return torch.from_numpy(image.transpose(2, 0, 1)[None].copy())


def _alex(features: Tensor, weights: Weights) -> list[Tensor]:
    """Krizhevsky 2014, as torchvision has it: five slices, each after a ReLU."""
    geometry = {0: (4, 2, False), 3: (1, 2, True), 6: (1, 1, True), 8: (1, 1, False), 10: (1, 1, False)}
    slices = []
    for number, (stride, padding, pooled) in geometry.items():
        features = F.max_pool2d(features, 3, 2) if pooled else features
        weight, bias = weights[f"features.{number}.weight"], weights[f"features.{number}.bias"]
        features = F.relu(F.conv2d(features, weight, bias, stride=stride, padding=padding))
        slices.append(features)
    return slices


def _squeeze(features: Tensor, weights: Weights) -> list[Tensor]:
    """Iandola et al. 2016, SqueezeNet 1.1: the first convolution, then fire modules in six slices."""
    slices = [F.relu(F.conv2d(features, weights["features.0.weight"], weights["features.0.bias"], stride=2))]
    for modules in ((3, 4), (6, 7), (9,), (10,), (11,), (12,)):
        features = slices[-1]
        if modules[0] in (3, 6, 9):
            features = F.max_pool2d(features, 3, 2, ceil_mode=True)
        for number in modules:
            features = _fire(features, weights, f"features.{number}")
        slices.append(features)
    return slices


def _fire(features: Tensor, weights: Weights, key: str) -> Tensor:
    def convolve(part: str, inputs: Tensor, padding: int = 0) -> Tensor:
        weight, bias = weights[f"{key}.{part}.weight"], weights[f"{key}.{part}.bias"]
        return F.relu(F.conv2d(inputs, weight, bias, padding=padding))

    narrow = convolve("squeeze", features)
    return torch.cat([convolve("expand1x1", narrow), convolve("expand3x3", narrow, 1)], 1)


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a .safetensors or .pth file, on the CPU. Raises `BadWeights`."""
    readers: dict[str, Callable[[Path], dict[str, Tensor]]] = {".pth": _read_pickle, ".pt": _read_pickle}
    try:
        return readers.get(path.suffix, load_file)(path)
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise BadWeights(str(path), reason, "a readable .safetensors or .pth file of tensors") from exc


def _read_pickle(path: Path) -> dict[str, Tensor]:
    return dict(torch.load(path, weights_only=True, map_location="cpu"))


def cached_file(name: TrunkName) -> Path:
    """Where torchvision keeps this trunk, whether it is there or not; nothing is ever fetched."""
    return torchvision_file().with_name(TORCHVISION[name])


def name_of(weights: Weights) -> TrunkName:
    """Which of the trunks these tensors belong to."""
    return TrunkName.SQUEEZE if "features.3.squeeze.weight" in weights else TrunkName.ALEX
