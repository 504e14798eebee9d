"""LPIPS v0.1: how different two images look, learnt from people's judgements (Zhang et al. 2018)."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from giornata.styles.evaluation.errors import BadWeights
from giornata.styles.evaluation.metrics import Image, check_shapes
from giornata.styles.evaluation.trunks import (
    CHANNELS,
    TITLES,
    Trunk,
    TrunkName,
    Weights,
    as_tensor,
    cached_file,
    name_of,
    read_weights,
)

VARIABLE = "GIORNATA_LPIPS"
SUFFIXES = frozenset({".safetensors", ".pth", ".pt"})
EPSILON = 1e-10  # as the reference implementation keeps a norm from zero


class Lpips:
    """The distance under one trunk and its linear heads."""

    def __init__(self, trunk: Trunk, weights: Weights) -> None:
        """`weights` hold ``lin0.weight`` … (1 x C x 1 x 1, none negative). Raises `BadWeights`."""
        self.trunk = trunk
        self.heads = [_head(weights, number, width) for number, width in enumerate(CHANNELS[trunk.name])]

    def distance(self, first: Image, second: Image) -> float:
        """LPIPS of two images, float32, H x W x 3, sRGB 0..1: 0 is the same, about 0.7 nothing alike.

        Raises `BadEvaluation` for unequal shapes.
        """
        check_shapes(first, second)
        return self.feature_distance(*(self.trunk.slices(as_tensor(image)) for image in (first, second)))

    @torch.inference_mode()
    def feature_distance(self, first: list[Tensor], second: list[Tensor]) -> float:
        """The same from slices that are there already, each 1 x C x h x w."""
        total = 0.0
        for x, y, head in zip(first, second, self.heads, strict=True):
            total += float(((_unit(x) - _unit(y)).square() * head).sum(1).mean())
        return total


def _head(weights: Weights, number: int, width: int) -> Tensor:
    key = f"lin{number}.weight"
    tensor = weights.get(key, weights.get(f"lin{number}.model.1.weight"))
    if tensor is None or tuple(tensor.shape) != (1, width, 1, 1):
        actual = "nothing" if tensor is None else "×".join(map(str, tensor.shape))
        raise BadWeights("LPIPS", f"{key} of {actual}", f"1×{width}×1×1")
    return tensor.float()


def _unit(features: Tensor) -> Tensor:
    """Every position's channels as a vector of length one."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + EPSILON)


@dataclass(frozen=True)
class Judges:
    """The networks at hand, and the reason for each missing one by the name of its measure."""

    trunks: dict[TrunkName, Trunk]
    lpips: dict[TrunkName, Lpips]
    missing: dict[str, str]


def load_judges(place: Path | None = None) -> Judges:
    """The trunks and heads of local files; nothing is fetched.

    `place` is an LPIPS file with its trunk, or a folder of such files; left out, the environment's
    `GIORNATA_LPIPS` names it. A trunk that is not there is taken from torchvision's cache, without heads.
    `Judges.missing` lists what is missing. Raises `BadWeights` for a file that cannot be used.
    """
    trunks: dict[TrunkName, Trunk] = {}
    lpips: dict[TrunkName, Lpips] = {}
    for path in weight_files(place):
        weights = read_weights(path)
        name = name_of(weights)
        trunks[name] = Trunk(name, weights)
        if any(key.startswith("lin") for key in weights):
            lpips[name] = Lpips(trunks[name], weights)
    for name in TrunkName:
        if name not in trunks and cached_file(name).is_file():
            trunks[name] = Trunk(name, read_weights(cached_file(name)))
    return Judges(trunks, lpips, _missing(trunks, lpips))


def weight_files(place: Path | None) -> list[Path]:
    """The files behind `--lpips` or `GIORNATA_LPIPS`, none when neither is given. Raises `BadWeights`."""
    text = os.environ.get(VARIABLE, "")
    path = place or (Path(text) if text else None)
    if path is None:
        return []
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        if files:
            return files
    if not path.is_file():
        problem = "no weight file" if path.is_dir() else "no such file"
        raise BadWeights(str(path), problem, "an LPIPS .safetensors file, or a folder of them")
    return [path]


def _missing(trunks: dict[TrunkName, Trunk], lpips: dict[TrunkName, Lpips]) -> dict[str, str]:
    hint = f"give --lpips or {VARIABLE}"
    missing = {}
    if TrunkName.ALEX not in lpips:
        missing["lpips"] = f"no LPIPS v0.1 heads for AlexNet; {hint}"
    for name in TrunkName:
        if name not in trunks:
            missing[name] = f"no {TITLES[name]} file, nor one in torchvision's cache; {hint}"
    return missing
