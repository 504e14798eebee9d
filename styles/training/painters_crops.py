"""What the painters network sees while training: photograph crops, varied far beyond the few photographs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from giornata.styles.training.data import PhotoCrops

CALM_SHARE = 0.05  # synthetic skies and walls: nothing in them but a gradient
TURNED_SHARE = 0.3
MOST_TURN = 15.0  # degrees
RECOLOURED_SHARE = 0.6
PERMUTED_SHARE = 0.1
NOISY_SHARE = 0.2
MOST_NOISE = 0.03
FACTORS = (0.6, 1.4)  # of brightness, contrast and saturation
GAMMAS = (0.7, 1.4)


@dataclass(frozen=True)
class Seen:
    """One batch: the input of the network and the reference of its output, N x 3 x H x W, 0..1.

    They differ by noise, which a painting should not repeat.
    """

    given: Tensor
    clean: Tensor


class VariedCrops:
    """An endless source of varied crops, decided by the generator alone."""

    def __init__(self, photos: Sequence[Path], *, crop_px: int) -> None:
        self.crops = PhotoCrops.of_files(photos, crop_px=crop_px)
        self.crop_px = crop_px

    def draw(self, count: int, generator: torch.Generator) -> Seen:
        """`count` crops: float32, on the CPU, channels last."""
        clean = torch.stack([self._one(generator) for _ in range(count)])
        clean = clean.clamp(0, 1).contiguous(memory_format=torch.channels_last)
        noisy = (torch.rand(count, 1, 1, 1, generator=generator) < NOISY_SHARE).float()
        level = noisy * MOST_NOISE * torch.rand(count, 1, 1, 1, generator=generator)
        noise = level * torch.randn(clean.shape, generator=generator)
        return Seen((clean + noise).clamp(0, 1).contiguous(memory_format=torch.channels_last), clean)

    def _one(self, generator: torch.Generator) -> Tensor:
        if chance(CALM_SHARE, generator):
            return calm_ground(self.crop_px, generator)
        crop = self.crops.draw(1, generator)[0]
        if chance(TURNED_SHARE, generator):
            crop = turned(crop, between(-MOST_TURN, MOST_TURN, generator))
        if chance(RECOLOURED_SHARE, generator):
            crop = recoloured(crop, generator)
        if chance(PERMUTED_SHARE, generator):
            crop = crop[torch.randperm(3, generator=generator)]
        return crop


def chance(share: float, generator: torch.Generator) -> bool:
    """True in `share` of the draws."""
    return bool(torch.rand((), generator=generator) < share)


def between(low: float, high: float, generator: torch.Generator) -> float:
    """An even draw."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def calm_ground(side: int, generator: torch.Generator) -> Tensor:
    """A smooth ground of two to nine close colours: float32, 3 x side x side, 0..1."""
    knots = int(torch.randint(2, 4, (), generator=generator))
    base = torch.rand(3, 1, 1, generator=generator)
    spread = between(0.0, 0.3, generator)
    colours = base + spread * (torch.rand(3, knots, knots, generator=generator) - 0.5)
    ground = F.interpolate(colours[None], size=(side, side), mode="bicubic", align_corners=True)[0]
    return (ground + 0.01 * torch.randn(ground.shape, generator=generator)).clamp(0, 1)


def turned(crop: Tensor, degrees: float) -> Tensor:
    """`crop` (3 x S x S) turned about its middle and enlarged so that no corner is empty."""
    angle = torch.deg2rad(torch.tensor(degrees))
    cosine, sine = torch.cos(angle), torch.sin(angle)
    reach = 1 / (cosine.abs() + sine.abs())
    rows = torch.stack([torch.stack([cosine, -sine]), torch.stack([sine, cosine])]) * reach
    theta = torch.cat([rows, torch.zeros(2, 1)], dim=1)[None]
    grid = F.affine_grid(theta, [1, *crop.shape], align_corners=False)
    return F.grid_sample(crop[None], grid, padding_mode="border", align_corners=False)[0]


def recoloured(crop: Tensor, generator: torch.Generator) -> Tensor:
    """`crop` (3 x S x S) with another gamma, brightness, contrast and saturation, 0..1."""
    brightness, contrast, saturation = (between(*FACTORS, generator) for _ in range(3))
    crop = crop.pow(between(*GAMMAS, generator)) * brightness
    crop = crop.mean() + contrast * (crop - crop.mean())
    grey = crop.mean(0, keepdim=True)
    return (grey + saturation * (crop - grey)).clamp(0, 1)
