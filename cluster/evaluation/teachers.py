"""Other people's networks, to compare with, where their files are given: WCT, AdaIN and MicroAST.

Written from the papers and the shapes of the weights. None of it is shipped.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.trunks import as_tensor, read_weights
from giornata.styles.training.wct_teacher import (
    FOLDER,
    WctTeacher,
    Weights,
    convolved,
    decoded,
    encoded,
)

MICROAST_FOLDER = "microast"
STRIDE = 16


class WctCascade:
    """Whitening and colouring at five levels, one after another (Li et al. 2017).

    With the networks of Wang et al. 2020, "Collaborative Distillation", 16 times compressed.
    """

    def __init__(self, folder: Path) -> None:
        """Raises `BadWeights`."""
        self.teacher = WctTeacher(folder, read=read_weights)

    @torch.inference_mode()
    def painter(self, painting: Image) -> Callable[[Image, float], Image]:
        """The painter with the statistics of `painting`, at an alpha of 0..1 (the paper's blend of features).

        `painting` float32, H x W x 3, sRGB 0..1, likewise the painted image.
        """
        style = self.teacher.statistics(as_tensor(painting))

        @torch.inference_mode()
        def paint(photo: Image, alpha: float) -> Image:
            height, width = photo.shape[:2]
            styled = self.teacher(_padded(as_tensor(photo)), style, torch.tensor([alpha]))
            return _as_image(styled, height, width)

        return paint


def adain_files(folder: Path) -> tuple[Path, ...]:
    """The encoder and decoder of level 4, whether they are there or not."""
    return tuple(folder / FOLDER / f"4S{part}.safetensors" for part in "ED")


class AdaIn:
    """Means and deviations at relu4_1 (Huang and Belongie 2017), with the compressed networks of level 4.

    Their decoder learnt to rebuild photographs and not to paint, unlike that of the paper.
    """

    def __init__(self, folder: Path) -> None:
        """Raises `BadWeights`."""
        self.encoder, self.decoder = (read_weights(path) for path in adain_files(folder))

    @torch.inference_mode()
    def painter(self, painting: Image) -> Callable[[Image, float], Image]:
        """As `WctCascade.painter`."""
        style = encoded(as_tensor(painting), self.encoder)

        @torch.inference_mode()
        def paint(photo: Image, alpha: float) -> Image:
            height, width = photo.shape[:2]
            features = encoded(_padded(as_tensor(photo)), self.encoder)
            moved = _renormalised(features, style)
            return _as_image(decoded(alpha * moved + (1 - alpha) * features, self.decoder), height, width)

        return paint


def _padded(pixels: Tensor) -> Tensor:
    height, width = pixels.shape[2:]
    return F.pad(pixels, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")


def _as_image(pixels: Tensor, height: int, width: int) -> Image:
    return pixels[0, :, :height, :width].clamp(0, 1).permute(1, 2, 0).contiguous().numpy()


def microast_files(folder: Path) -> tuple[Path, ...]:
    """The four weight files below a folder of teachers, whether they are there or not."""
    parts = ("content_encoder", "style_encoder", "modulator", "decoder")
    return tuple(folder / MICROAST_FOLDER / f"{part}_iter_160000.safetensors" for part in parts)


class MicroAst:
    """MicroAST (Wang et al. 2023): a small encoder and decoder that a style modulates."""

    def __init__(self, folder: Path) -> None:
        """Raises `BadWeights`."""
        read = [read_weights(path) for path in microast_files(folder)]
        self.content, self.style, self.modulator, self.decoder = read

    @torch.inference_mode()
    def painter(self, painting: Image) -> Callable[[Image, float], Image]:
        """As `WctCascade.painter`."""
        styles = self._encoded(as_tensor(painting), self.style)
        signals = [
            [
                self._plain(features, self.modulator, f"{part}{level}.0").mean((2, 3), keepdim=True)
                for part in ("weight", "bias")
            ]
            for level, features in enumerate(styles, start=1)
        ]

        @torch.inference_mode()
        def paint(photo: Image, alpha: float) -> Image:
            height, width = photo.shape[:2]
            features = self._encoded(_padded(as_tensor(photo)), self.content)[1]
            for block, level in (("dec1", 1), ("dec2", 0)):
                moved = _renormalised(features, styles[level])
                features = alpha * moved + (1 - alpha) * features
                features = self._modulated(features, block, *signals[level])
            return _as_image(self._shown(features), height, width)

        return paint

    def _plain(self, features: Tensor, weights: Weights, key: str, *, stride: int = 1) -> Tensor:
        return convolved(features, weights, f"{key}.conv_layer", stride=stride)

    def _encoded(self, pixels: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
        features = pixels
        for number, stride in ((0, 1), (2, 2), (4, 1), (6, 2), (8, 1)):
            features = F.relu(self._plain(features, weights, f"enc1.{number}", stride=stride))
        first = self._residual(features, weights, "enc1.10")
        return first, self._residual(first, weights, "enc2.0")

    def _residual(self, features: Tensor, weights: Weights, key: str) -> Tensor:
        inner = F.relu(self._plain(features, weights, f"{key}.conv1"))
        return features + self._plain(inner, weights, f"{key}.conv2")

    def _modulated(self, features: Tensor, key: str, scale: Tensor, shift: Tensor) -> Tensor:
        """A residual block whose filters the style scales."""
        inner = F.relu(scale * self._plain(features, self.decoder, f"{key}.conv1") + shift * features)
        return features + scale * self._plain(inner, self.decoder, f"{key}.conv2") + shift * inner

    def _shown(self, features: Tensor) -> Tensor:
        for numbers in ((1, 3), (6, 8)):
            features = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
            for number in numbers:
                features = F.relu(self._plain(features, self.decoder, f"dec3.{number}"))
        return self._plain(features, self.decoder, "dec3.10")


def _renormalised(features: Tensor, style: Tensor) -> Tensor:
    """Adaptive instance normalisation (Huang and Belongie 2017)."""

    def spread(values: Tensor) -> Tensor:
        return (values.var((2, 3), keepdim=True) + 1e-5).sqrt()

    centred = (features - features.mean((2, 3), keepdim=True)) / spread(features)
    return centred * spread(style) + style.mean((2, 3), keepdim=True)
