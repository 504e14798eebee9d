"""All measures of one painted photograph by name, each with its title, family and better direction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from torch import Tensor

from giornata.styles.evaluation.errors import EvaluationError
from giornata.styles.evaluation.faults import clipped, dots, holes, unrest
from giornata.styles.evaluation.gram_distance import (
    VGG_LAYERS,
    centred_gram,
    distances,
    trunk_grams,
)
from giornata.styles.evaluation.lpips import Judges
from giornata.styles.evaluation.metrics import Image, edge_f1, similarity
from giornata.styles.evaluation.palette import palette_only
from giornata.styles.evaluation.trunks import TrunkName, as_tensor
from giornata.styles.perception.encoder import Encoder

HEADLINE, DAMAGE = "squeeze_3", "lpips"  # the axes of the plot
Values = dict[str, float | None]


class Family(StrEnum):
    """Subject of a measure."""

    CONTENT = "content"
    STYLE = "style"
    FAULTS = "faults"
    COST = "cost"


@dataclass(frozen=True)
class Column:
    """A column: `better` is "low" or "high", `digits` those after the point."""

    title: str
    family: Family
    better: str = "low"
    digits: int = 3


MEASURES: Mapping[str, Column] = {
    "ssim": Column("SSIM", Family.CONTENT, "high"),
    "structure": Column("structure", Family.CONTENT, "high"),
    "lpips": Column("LPIPS-Alex", Family.CONTENT),
    "edge_f1": Column("edge F1", Family.CONTENT, "high"),
    "squeeze_3": Column("SqueezeNet 3", Family.STYLE),
    "squeeze_5": Column("SqueezeNet 5", Family.STYLE),
    "alex_1": Column("AlexNet 1", Family.STYLE),
    "alex_3": Column("AlexNet 3", Family.STYLE),
    "vgg19": Column("VGG-19 (trained on)", Family.STYLE),
    "dots": Column("dots ×", Family.FAULTS, digits=1),
    "holes": Column("holes %", Family.FAULTS, digits=2),
    "seam_step": Column("seam step", Family.FAULTS, digits=2),
    "unrest": Column("unrest", Family.FAULTS, digits=1),
    "clipped": Column("clipped %", Family.FAULTS, digits=1),
    "psnr_0": Column("PSNR at 0, dB", Family.FAULTS, "high", 1),
    "cpu_s_per_mpx": Column("CPU s/Mpx", Family.COST, digits=2),
    "peak_mb": Column("peak MB", Family.COST, digits=0),
}


@dataclass(frozen=True)
class Yardstick:
    """The judging networks; `vgg` is left out where there is none."""

    judges: Judges
    vgg: Encoder | None = None

    def missing(self) -> dict[str, str]:
        """Measures that cannot be taken, and the reason for each."""
        missing = dict[str, str]()
        for name in MEASURES:
            reason = self.judges.missing.get(name) or self.judges.missing.get(name.rpartition("_")[0])
            if reason:
                missing[name] = reason
        if self.vgg is None:
            missing["vgg19"] = "no VGG-19 file; give --vgg"
        return missing

    def features(self, image: Image) -> "Features":
        """The networks' features of an image, float32, H x W x 3, sRGB 0..1."""
        pixels = as_tensor(image)
        slices = {name: trunk.slices(pixels) for name, trunk in self.judges.trunks.items()}
        grams: dict[str, Tensor] = {}
        for name, trunk in self.judges.trunks.items():
            grams |= trunk_grams(trunk, slices[name])
        compared = {name: slices[name] for name in (TrunkName.ALEX,) if name in slices}
        if self.vgg is not None:
            layers = self.vgg(pixels, VGG_LAYERS)
            grams |= {f"vgg_{layer}": centred_gram(values) for layer, values in layers.items()}
        return Features(compared, grams)

    def measure(self, photo: "FeaturedImage", painting: "FeaturedImage", output: Image) -> Values:
        """Every measure of likeness and fault that one finished image allows; None where it has no meaning.

        `output` is of `photo`'s shape, float32, H x W x 3, sRGB 0..1. Raises `BadEvaluation` otherwise.
        """
        likeness = similarity(photo.image, output)
        palette = palette_only(photo.image, painting.image)
        values: Values = {
            "ssim": likeness.ssim,
            "structure": likeness.structure,
            "edge_f1": edge_f1(photo.image, output),
            "dots": dots(photo.image, output),
            "holes": 100 * holes(photo.image, palette, output),
            "unrest": unrest(photo.image, output),
            "clipped": 100 * clipped(output),
        }
        features = self.features(output)
        if TrunkName.ALEX in self.judges.lpips:
            pair = (photo.features.slices[TrunkName.ALEX], features.slices[TrunkName.ALEX])
            values["lpips"] = self.judges.lpips[TrunkName.ALEX].feature_distance(*pair)
        return values | _style(features, painting.features)


@dataclass(frozen=True)
class Features:
    """The slices that LPIPS compares, by trunk, and centred Gram matrices by layer, of one image."""

    slices: Mapping[TrunkName, list[Tensor]] = field(repr=False)
    grams: Mapping[str, Tensor] = field(repr=False)


@dataclass(frozen=True)
class FeaturedImage:
    """An image and the networks' features of it, so that both are computed once."""

    image: Image = field(repr=False)
    features: Features


def _style(features: Features, painting: Features) -> Values:
    """Texture distances; None where the painting has no texture. VGG-19's layers are one mean."""
    try:
        values = distances(features.grams, painting.grams)
    except EvaluationError:
        return {}
    layers = [values.pop(name) for name in list(values) if name.startswith("vgg_")]
    shown: Values = {**values}
    if layers:
        shown["vgg19"] = sum(layers) / len(layers)
    return shown
