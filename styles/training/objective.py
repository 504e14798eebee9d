"""What training minimises: content, style over a pyramid, smoothness, and likeness for the identity."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from giornata.styles.training.recipe import Recipe, TrainingStage
from giornata.styles.training.teachers import CompressedVgg19, Vgg19, gram

# relu3_4 of the full-size level would cost as much as all else together; its halvings hold the same strokes.
STYLE_LAYERS = {0: frozenset({"relu1_1", "relu2_1", "relu3_1"})}
REDUCED_STYLE_LAYERS = STYLE_LAYERS[0] | {"relu3_4"}
# Fine contours at full size, shapes at half size: level -> (layer, share).
CONTENT_LAYERS = {0: ("relu2_2", 0.3), 1: ("relu3_3", 0.7)}
DEEP_LAYERS = frozenset({"relu4_1", "relu5_1"})
CALM_LEVELS = (2, 3)  # quarter and eighth size
CALM_CHANGE = 0.03  # what counts as calm: a step of a thirtieth of the range
DEEP_LEVELS = 2  # below 128 px the deep maps have too few positions for a Gram matrix


@dataclass(frozen=True)
class LossParts:
    """Mean loss parts of one batch, unweighted, for the progress line."""

    content: float
    style: float
    deep: float
    variation: float
    identity: float


def pyramid(pixels: Tensor, levels: int) -> list[Tensor]:
    """`pixels` and its successive halvings, largest first."""
    out = [pixels]
    for _ in range(levels - 1):
        out.append(F.avg_pool2d(out[-1], 2))
    return out


def relative(got: Tensor, wanted: Tensor) -> Tensor:
    """Squared distance over the squared norm of what is wanted, per sample: N x … -> N.

    Makes layers and styles comparable without hand-set weights.
    """
    difference = (got.float() - wanted.float()).flatten(1).pow(2).sum(1)
    return difference / wanted.float().flatten(1).pow(2).sum(1).clamp_min(1e-12)


def total_variation(pixels: Tensor) -> Tensor:
    """L1 total variation per sample, mean over positions: N x 3 x H x W -> N."""
    down = (pixels[:, :, 1:] - pixels[:, :, :-1]).abs().mean((1, 2, 3))
    right = (pixels[:, :, :, 1:] - pixels[:, :, :, :-1]).abs().mean((1, 2, 3))
    return down + right


def unrest(output: Tensor, content: Tensor) -> Tensor:
    """Large-scale change of `output` where `content` is calm, per sample: N x 3 x H x W, twice -> N.

    Instance normalisation tempts a network to park its statistics in dark blobs on empty ground; they are
    larger than any stroke, so only the coarse levels are looked at.
    """
    total = torch.zeros(output.shape[0], device=output.device)
    pairs = list(
        zip(pyramid(output, CALM_LEVELS[-1] + 1), pyramid(content, CALM_LEVELS[-1] + 1), strict=True)
    )
    for made, given in (pairs[level] for level in CALM_LEVELS):
        for axis in (2, 3):
            change, reason = (image.diff(dim=axis).abs().mean(1) for image in (made, given))
            total = total + (change * torch.exp(-reason / CALM_CHANGE)).mean((1, 2))
    return total


class Objective(nn.Module):
    """Johnson et al. 2016's losses, with Grams relative to the style's own and summed over a pyramid."""

    def __init__(self, recipe: Recipe, encoder: Path, deep_encoder: Path | None) -> None:
        super().__init__()
        self.recipe = recipe
        self.encoder = Vgg19(encoder)
        self.deep = CompressedVgg19(deep_encoder) if deep_encoder else None
        self.targets: dict[str, Tensor] = {}

    def _views(self, pixels: Tensor) -> tuple[dict[str, Tensor], dict[int, Tensor]]:
        """Grams by ``level/layer``, and the content features by level."""
        grams: dict[str, Tensor] = {}
        contents: dict[int, Tensor] = {}
        for level, image in enumerate(pyramid(pixels, self.recipe.pyramid_levels)):
            styles = STYLE_LAYERS.get(level, REDUCED_STYLE_LAYERS)
            content = CONTENT_LAYERS.get(level)
            found = self.encoder(image, styles | ({content[0]} if content else set()))
            grams |= {f"{level}/{name}": gram(found[name]) for name in sorted(styles)}
            if content:
                contents[level] = found[content[0]]
            if self.deep is not None and level < DEEP_LEVELS:
                deep = self.deep(image, DEEP_LAYERS)
                grams |= {f"{level}/deep/{name}": gram(deep[name]) for name in sorted(DEEP_LAYERS)}
        return grams, contents

    @torch.no_grad()
    def _content(self, pixels: Tensor) -> dict[int, Tensor]:
        levels = pyramid(pixels, 1 + max(CONTENT_LAYERS))
        layers = {level: name for level, (name, _) in CONTENT_LAYERS.items()}
        return {level: self.encoder(levels[level], frozenset({name}))[name] for level, name in layers.items()}

    @torch.no_grad()
    def learn_styles(self, paintings: list[Tensor]) -> None:
        """Keep the paintings' Grams; row 0 belongs to the identity and is never read.

        `paintings`: float32, each 3 x H x W, 0..1, at the recipe's stroke size.
        """
        per_painting = [self._views(painting[None])[0] for painting in paintings]
        for key in per_painting[0]:
            rows = torch.cat([per_painting[0][key][:1] * 0, *(g[key] for g in per_painting)])
            self.targets[key] = rows

    def forward(
        self, output: Tensor, content: Tensor, style: Tensor, stage: TrainingStage
    ) -> tuple[Tensor, LossParts]:
        """Loss of `output` for `content` (both N x 3 x H x W, 0..1) styled by rows `style` (int64, N).

        `stage` weighs the parts. Returns the scalar to minimise and its parts.
        """
        painted = (style > 0).float()
        grams, contents = self._views(output)
        wanted = self._content(content)
        likeness = torch.stack(
            [share * relative(contents[level], wanted[level]) for level, (_, share) in CONTENT_LAYERS.items()]
        ).sum(0)
        shallow = torch.zeros_like(likeness)
        deep = torch.zeros_like(likeness)
        for key, made in grams.items():
            distance = relative(made, self.targets[key][style])
            if "deep" in key:
                deep = deep + distance
            else:
                shallow = shallow + distance
        shares = [1.0, *(p.style_weight for p in self.recipe.paintings)]
        share = torch.tensor(shares, device=style.device)[style]
        variation = total_variation(output)
        identity = (output - content).abs().mean((1, 2, 3))
        loss = stage.content_weight * likeness + (1 - painted) * stage.identity_weight * identity
        loss = loss + painted * share * (stage.style_weight * shallow + stage.deep_weight * deep)
        loss = loss + painted * stage.variation_weight * variation
        loss = loss + painted * stage.unrest_weight * unrest(output, content)

        def mean(values: Tensor, mask: Tensor) -> float:
            return float((values * mask).sum().detach() / mask.sum().clamp_min(1))

        parts = LossParts(
            content=mean(likeness, painted),
            style=mean(shallow, painted),
            deep=mean(deep, painted),
            variation=mean(variation, painted),
            identity=mean(identity, 1 - painted),
        )
        return loss.mean(), parts
