"""From a distilled student to the encoder that ships: one safetensors file and its card."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from giornata.styles.encoder_weights import COMPACT_FORMAT, compact_architecture
from giornata.styles.training.distillation import Cycle

CARD = """\
# The encoder that ships: what `encoder: compact` looks with.
name = "{name}"
weights = "{weights}"
sha256 = "{sha256}"
licence = "Apache-2.0"
architecture = "3x3 convolutions, {widths} channels in blocks of {depths}, average pooling"
preprocessing = "RGB 0..1 to -1..1"
layers = "relu1_1, relu2_1, relu3_1, relu4_1, relu4_2, relu5_1; each passes a linear map of its own"
made_by = "giornata styles distill, {cycles}"
trained_on = "{trained_on}"
teachers = "VGG-19 conv1_1 to conv3_1 (Simonyan and Zisserman 2014, CC BY 4.0), and the deep layers of a \
16 times compressed VGG-19 (Wang et al. 2020, MIT); none of their weights are in this file"

[missed]  # share of each teacher layer's variance the student misses on photographs and paintings
{missed}
"""


def publish_encoder(
    tensors: dict[str, Tensor],
    folder: Path,
    *,
    name: str = "compact",
    cycles: Sequence[Cycle],
    trained_on: str,
    missed: dict[str, float],
) -> Path:
    """Write weights as float16 and a card into `folder`; returns the weight file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    part = path.with_suffix(".part")
    halved = {key: value.to(torch.float16).contiguous() for key, value in tensors.items()}
    save_file(halved, part, metadata={"format": COMPACT_FORMAT})
    part.chmod(0o644)
    part.replace(path)
    architecture = compact_architecture(path, tensors)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = "\n".join(f"{layer} = {share:.3f}" for layer, share in missed.items())
    card = CARD.format(
        name=name,
        weights=path.name,
        sha256=sha256,
        widths="-".join(map(str, architecture.widths)),
        depths="-".join(map(str, architecture.depths)),
        cycles=cycle_words(cycles),
        trained_on=trained_on,
        missed=rows,
    )
    path.with_suffix(".toml").write_text(card, encoding="utf-8")
    return path


def cycle_words(cycles: Sequence[Cycle]) -> str:
    """Such as "600 steps at a peak rate of 0.0015, then 200 steps at a peak rate of 0.0005"."""
    return ", then ".join(f"{one.steps} steps at a peak rate of {one.peak_rate:g}" for one in cycles)
