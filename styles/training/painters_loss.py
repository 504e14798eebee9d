"""What the painters network is judged by while training: the perceptual losses, one value a sample.

The losses are those of `perceptual_loss`; what is here makes them per sample, so that every painting can have
its own factor, and several times cheaper: training spends its time in passes over memory, not in products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.styles.training.perceptual_loss import (
    DEEP_CONTENT,
    DEEP_LAYERS,
    TRUE_CONTENT,
    TRUE_LAYERS,
    PerceptualLoss,
    StyleSums,
    jittered,
    normalised,
    unrest,
    variation,
)

WINDOW_PX = 96
FINE_CONTENT = "relu2_1"  # at half size as well: contours of faces
CONTENT_KEYS = (f"true/1/{FINE_CONTENT}", f"true/1/{TRUE_CONTENT}", f"deep/0/{DEEP_CONTENT}")
LATTICE_PX = 4  # the network's stride, whose multiples its faults repeat at
LATTICE_CELLS = 8  # across a window in which a pattern has to repeat
LEAST_DETAIL = 1e-4  # mean square


class ChannelStatistics(torch.autograd.Function):
    """Means (N x C) and centred covariances (N x C x C), float32, of features N x C x H x W in any type.

    Products stay in the features' own type and layout, forward and backward.
    """

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        count, channels, height, width = features.shape
        flat = features.permute(0, 2, 3, 1).reshape(count, height * width, channels)
        mean = flat.sum(1, dtype=torch.float32) / (height * width)
        centred = flat - mean.to(flat.dtype)[:, None]
        covariance = torch.bmm(centred.transpose(1, 2), centred).float() / (height * width)
        ctx.save_for_backward(centred)
        ctx.size = (height, width)  # type: ignore[attr-defined]
        return mean, covariance

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, of_mean: Tensor, of_covariance: Tensor) -> Tensor:
        """See the class."""
        (centred,) = ctx.saved_tensors  # type: ignore[attr-defined]
        height, width = ctx.size  # type: ignore[attr-defined]
        positions = height * width
        both = ((of_covariance + of_covariance.transpose(1, 2)) / positions).to(centred.dtype)
        gradient = torch.baddbmm((of_mean / positions).to(centred.dtype)[:, None], centred, both)
        return gradient.view(len(centred), height, width, -1).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class PaintingLosses:
    """Unweighted losses, one value a sample."""

    style: Tensor
    content: Tensor
    variation: Tensor
    unrest: Tensor
    lattice: Tensor


class PaintersLoss(nn.Module):
    """Losses of painted photographs against one of several known paintings each."""

    def __init__(self, encoder: Path, deep_encoder: Path) -> None:
        super().__init__()
        self.perceptual = PerceptualLoss(encoder, deep_encoder)
        self.targets = StyleSums({}, {})

    @torch.no_grad()
    def learn_styles(self, paintings: Sequence[Tensor]) -> None:
        """Keep the paintings' statistics. `paintings`: float32, each 3 x H x W, sRGB 0..1, sides even."""
        rows = []
        for painting in paintings:
            pixels = painting[None].contiguous(memory_format=torch.channels_last)
            rows.append(self.perceptual.sums(self.perceptual.seen(pixels)))
        self.targets = StyleSums(
            {key: torch.cat([row.means[key] for row in rows]) for key in rows[0].means},
            {key: torch.cat([row.covariances[key] for row in rows]) for key in rows[0].covariances},
        )

    def forward(
        self, output: Tensor, pixels: Tensor, paintings: Tensor, generator: torch.Generator
    ) -> PaintingLosses:
        """Losses of `output` for the photographs `pixels` (both float32, N x 3 x H x W, sRGB 0..1).

        `paintings`: int64, N, an index into what was learnt. `generator` draws the jitter (CPU).
        """
        view, original = jittered(output, pixels, generator)
        seen = self.seen(view, generator)
        target = StyleSums(
            {key: value[paintings] for key, value in self.targets.means.items()},
            {key: value[paintings] for key, value in self.targets.covariances.items()},
        )
        expected = self.contents(original)
        content = torch.stack(
            [difference(normalised(seen[key]), normalised(expected[key])) for key in CONTENT_KEYS]
        ).mean(0)
        return PaintingLosses(
            style=self.perceptual.style_distance(sums_of(seen), target),
            content=content,
            variation=variation(output),
            unrest=unrest(output, pixels),
            lattice=lattice(output),
        )

    def seen(self, pixels: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """As `PerceptualLoss.seen`, but what VGG-19 sees at full size is a random window.

        That view costs more than all others together, and looks for strokes, of which a window has enough.
        """
        all_features: dict[str, Tensor] = {}
        for level, layers in TRUE_LAYERS.items():
            view = F.avg_pool2d(pixels, 2) if level else windowed(pixels, generator)
            features = self.perceptual.true(view, frozenset(layers))
            all_features |= {f"true/{level}/{name}": value for name, value in features.items()}
        features = self.perceptual.deep(pixels, frozenset(DEEP_LAYERS))
        return all_features | {f"deep/0/{name}": value for name, value in features.items()}

    @torch.no_grad()
    def contents(self, pixels: Tensor) -> dict[str, Tensor]:
        """The features that content is compared by, and no others."""
        true = self.perceptual.true(F.avg_pool2d(pixels, 2), frozenset({FINE_CONTENT, TRUE_CONTENT}))
        deep = self.perceptual.deep(pixels, frozenset({DEEP_CONTENT}))
        features = (true[FINE_CONTENT], true[TRUE_CONTENT], deep[DEEP_CONTENT])
        return dict(zip(CONTENT_KEYS, features, strict=True))


def lattice(output: Tensor) -> Tensor:
    """Share of the fine detail that repeats with the network's stride: N x 3 x H x W -> N.

    Networks that halve and double leave grids (Odena et al. 2016). Strokes do not keep step with the pixel
    grid: of their detail a sixtieth repeats by chance, of that of an untrained network a seventh.
    """
    fine = output - F.avg_pool2d(output, LATTICE_PX + 1, 1, LATTICE_PX // 2, count_include_pad=False)
    phases = F.pixel_unshuffle(fine, LATTICE_PX)
    phases = F.avg_pool2d(phases, LATTICE_CELLS, LATTICE_CELLS // 2).unflatten(1, (output.shape[1], -1))
    repeated = (phases - phases.mean(2, keepdim=True)).square().mean((1, 2, 3, 4))
    return repeated / (fine.detach().square().mean((1, 2, 3)) + LEAST_DETAIL)


def windowed(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """One random window of `WINDOW_PX` of all samples: N x 3 x H x W -> N x 3 x h x w, channels last."""
    height, width = pixels.shape[2:]
    tall, wide = min(height, WINDOW_PX), min(width, WINDOW_PX)
    top = int(torch.randint(height - tall + 1, (), generator=generator))
    left = int(torch.randint(width - wide + 1, (), generator=generator))
    cut = pixels[:, :, top : top + tall, left : left + wide]
    return cut.contiguous(memory_format=torch.channels_last)


def difference(actual: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference, N x ... -> N; never over the norm, which calm ground hardly has."""
    return (actual - target).flatten(1).square().mean(1)


def sums_of(seen: dict[str, Tensor]) -> StyleSums:
    """As `PerceptualLoss.sums`, for training."""
    statistics = {key: ChannelStatistics.apply(features) for key, features in seen.items()}
    return StyleSums(
        {key: mean for key, (mean, _) in statistics.items()},
        {key: covariance for key, (_, covariance) in statistics.items()},
    )
