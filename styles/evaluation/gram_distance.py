"""How far an image's textures are from a painting's: centred Gram matrices of a network's features.

Gatys et al. 2016 compare Gram matrices. Centred, a Gram matrix is the covariance over positions (Li et al.
2017 match just these), which says more of strokes and less of mean colour.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.trunks import Trunk, TrunkName, as_tensor

# The slices that are measured: SqueezeNet's third is the headline.
SLICES: Mapping[TrunkName, tuple[int, ...]] = {TrunkName.ALEX: (1, 3), TrunkName.SQUEEZE: (3, 5)}
VGG_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
LEAST_NORM = 1e-12  # of the painting's matrix: below it the painting has no texture to be near to


@torch.inference_mode()
def centred_gram(features: Tensor) -> Tensor:
    """Covariance over positions: 1 x C x h x w -> float64, C x C.

    Raises `BadEvaluation` for features of more than one image.
    """
    if features.shape[0] != 1:
        raise BadEvaluation("taking a Gram matrix", f"{features.shape[0]} images", "one")
    flat = features[0].flatten(1).double()
    flat = flat - flat.mean(1, keepdim=True)
    return flat @ flat.T / flat.shape[1]


def gram_distance(gram: Tensor, painted: Tensor) -> float:
    """‖G − G_s‖² / ‖G_s‖² in the Frobenius norm: 0 is the painting's texture, 1 about no texture at all.

    `gram` and `painted` are C x C; `painted` is the painting's and must not be zero. Raises `BadEvaluation`.
    """
    size = float(painted.square().sum())
    if size < LEAST_NORM:
        raise BadEvaluation("comparing textures", "a painting without any", "one of more than one colour")
    return float((gram - painted).square().sum()) / size


def trunk_grams(trunk: Trunk, slices: Sequence[Tensor]) -> dict[str, Tensor]:
    """The measured slices' matrices by name, such as ``squeeze_3``; `slices` are all of the trunk's."""
    return {f"{trunk.name}_{number}": centred_gram(slices[number - 1]) for number in SLICES[trunk.name]}


def image_grams(trunk: Trunk, image: Image) -> dict[str, Tensor]:
    """`trunk_grams` of an image, float32, H x W x 3, sRGB 0..1."""
    return trunk_grams(trunk, trunk.slices(as_tensor(image)))


def distances(grams: Mapping[str, Tensor], painted: Mapping[str, Tensor]) -> dict[str, float]:
    """`gram_distance` under every name that both have."""
    return {name: gram_distance(gram, painted[name]) for name, gram in grams.items() if name in painted}
