"""One tile of an optimisation: forward to sums over its core, backward to a gradient over core and halo.

Only the core's positions are reported and only they receive a signal, so every position of the picture
counts once. The gradient reaches into the halo, where it is a part of the neighbours': it is to be added.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from giornata.styles.optimization.losses import LayerKey, TileSums, sums_of, variation_sum
from giornata.styles.optimization.objective import LayerGradients
from giornata.styles.optimization.options import GatysOptions
from giornata.styles.perception.encoder import Encoder

Core = tuple[slice, slice]


def at_layer(core: Core, stride: int) -> Core:
    """The core's positions at a layer; cores begin and end on multiples of every stride."""
    rows, columns = (slice(s.start // stride, s.stop // stride) for s in core)
    return rows, columns


def as_batch(pixels: Tensor) -> Tensor:
    """h x w x 3 -> 1 x 3 x h x w, as it lies in memory."""
    return pixels.permute(2, 0, 1)[None]


@dataclass(eq=False)
class TileWork:
    """A tile; `core` lies inside its pixels; `masks` (h x w, 0..1, the tile's size) by region, if confined.

    Belongs to one thread. Between `forward` and `backward` it holds the features when asked to keep them;
    otherwise `backward` computes them again.
    """

    encoder: Encoder
    options: GatysOptions
    core: Core
    regions: tuple[int, ...]
    masks: dict[int, Tensor] = field(default_factory=dict)
    content: dict[str, Tensor] = field(default_factory=dict)
    _kept: tuple[Tensor, dict[str, Tensor]] | None = None

    def look_at_content(self, pixels: Tensor) -> None:
        """Remember the content's features over the core; `pixels` float, h x w x 3, sRGB 0..1."""
        layers = tuple(self.options.wanted_content)
        with torch.no_grad():
            content = self.encoder(as_batch(pixels), layers) if layers else {}
        self.content = {layer: self._cored(layer, features).clone() for layer, features in content.items()}

    def forward(self, pixels: Tensor, *, keep: bool = False) -> TileSums:
        """Sums over the core of `pixels` (float, h x w x 3, sRGB 0..1)."""
        if keep:
            leaf = pixels.detach().requires_grad_()
            features = self._features(leaf)
            self._kept = (leaf, features)
        else:
            with torch.no_grad():
                features = self._features(pixels)
        with torch.no_grad():
            return self._sums(pixels, features)

    def backward(self, pixels: Tensor, gradients: LayerGradients) -> Tensor:
        """The gradient by `pixels`, h x w x 3, halo included, of what this core adds to the loss."""
        leaf, features = self._kept or (pixels.detach().requires_grad_(), {})
        self._kept = None
        features = features or self._features(leaf)
        roots = list(features)
        if roots:
            pushes = [self._push(layer, features[layer].detach(), gradients) for layer in roots]
            torch.autograd.backward([features[layer] for layer in roots], pushes)
        if gradients.variation:
            smooth = variation_sum(leaf, self.core, self.options.tv_power)
            (gradients.variation * smooth).backward()
        return leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)

    def _features(self, pixels: Tensor) -> dict[str, Tensor]:
        return self.encoder(as_batch(pixels), self.options.layers)

    def _cored(self, layer: str, features: Tensor) -> Tensor:
        rows, columns = at_layer(self.core, self.encoder.architecture.stride(layer))
        return features[0, :, rows, columns]

    def _mask(self, region: int, layer: str) -> Tensor | None:
        """The region's mask over the core's positions at a layer, or None where all count alike."""
        mask = self.masks.get(region)
        if mask is None:
            return None
        stride = self.encoder.architecture.stride(layer)
        return F.avg_pool2d(mask[None, None], stride)[0, 0][at_layer(self.core, stride)]

    def _sums(self, pixels: Tensor, features: dict[str, Tensor]) -> TileSums:
        styles = {
            (region, layer): sums_of(self._cored(layer, features[layer]), self._mask(region, layer))
            for region in self.regions
            for layer in self.options.wanted_style
        }
        content = {
            layer: float((self._cored(layer, features[layer]) - target).double().square().sum())
            for layer, target in self.content.items()
        }
        energy = {layer: float(target.double().square().sum()) for layer, target in self.content.items()}
        variation = float(variation_sum(pixels, self.core, self.options.tv_power)) if self.options.tv else 0.0
        return TileSums(styles, content, energy, variation)

    def _push(self, layer: str, features: Tensor, gradients: LayerGradients) -> Tensor:
        """The gradient of the loss by a layer's features, zero outside the core."""
        push = torch.zeros_like(features)
        inside, core_features = self._cored(layer, push), self._cored(layer, features)
        for region in self.regions:
            key: LayerKey = (region, layer)
            if key in gradients.styles:
                inside += self._style_push(core_features, gradients.styles[key], self._mask(region, layer))
        if layer in gradients.content:
            inside += gradients.content[layer] * (core_features - self.content[layer])
        return push

    @staticmethod
    def _style_push(features: Tensor, signal: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        matrix, vector = (part.to(features.device, features.dtype) for part in signal)
        push = (matrix @ features.flatten(1)).view_as(features) + vector[:, None, None]
        return push if mask is None else push * mask
