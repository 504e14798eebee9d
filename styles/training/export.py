"""From a trained network to a library: one safetensors file and a card for every painting.

From a distilled student to the encoder that ships: one safetensors file and its card.

The preview sheet: a few photographs in every style, to be looked at before anything ships.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from giornata.atomic_file import atomic_write
from giornata.styles.feedforward.network import MIN_SIDE, STRIDE, TransformerNetwork
from giornata.styles.library import Artwork, EngineName, StyleCard, card_text
from giornata.styles.loader import FORMAT
from giornata.styles.perception.weights import COMPACT_FORMAT, compact_architecture
from giornata.styles.training.data import read_picture, to_unit
from giornata.styles.training.distillation import Cycle
from giornata.styles.training.recipe import Painting, Recipe


def save_network(network: TransformerNetwork, names: tuple[str, ...], path: Path) -> str:
    """Write the weights as float16 safetensors, whole or not at all; returns the file's sha256."""
    tensors = {
        key: value.detach().to("cpu", torch.float16).contiguous()
        for key, value in network.state_dict().items()
    }
    header = {
        "format": FORMAT,
        "shape": network.shape.as_text(),
        "styles": json.dumps(names),
    }
    with atomic_write(path) as part:
        save_file(tensors, part, metadata=header)
        part.chmod(0o644)  # safetensors makes it private, and a library is for every user
    return hashlib.sha256(path.read_bytes()).hexdigest()


def card_of(painting: Painting, recipe: Recipe, weights: str, sha256: str, halo_px: int) -> StyleCard:
    """The card of one painting of a trained recipe."""
    return StyleCard(
        name=painting.name,
        engine=EngineName.FEEDFORWARD,
        weights=weights,
        sha256=sha256,
        licence="Apache-2.0",
        trained_on=f"{recipe.trained_on}; the painting itself is {painting.licence}",
        recipe=recipe.name,
        artwork=Artwork(title=painting.title, artist=painting.artist, year=painting.year),
        stride=STRIDE,
        halo_px=halo_px,
        min_side=MIN_SIDE,
    )


def write_library(network: TransformerNetwork, recipe: Recipe, folder: Path) -> list[StyleCard]:
    """Write weights and cards into `folder`; returns the cards."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = f"{recipe.name}.safetensors"
    sha256 = save_network(network, recipe.style_names, folder / weights)
    halo_px = network.shape.halo_px
    cards = [card_of(painting, recipe, weights, sha256, halo_px) for painting in recipe.paintings]
    for card in cards:
        (folder / f"{card.name}.toml").write_text(card_text(card), encoding="utf-8")
    return cards


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
    halved = {key: value.to(torch.float16).contiguous() for key, value in tensors.items()}
    with atomic_write(path) as part:
        save_file(halved, part, metadata={"format": COMPACT_FORMAT})
        part.chmod(0o644)
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
    return ", then ".join(f"{cycle.steps} steps at a peak rate of {cycle.peak_rate:g}" for cycle in cycles)


def centre_square(path: Path, side_px: int) -> Tensor:
    """The middle of a photograph: float32, 3 x side x side, 0..1."""
    picture = to_unit(read_picture(path, side_px))
    top, left = ((length - side_px) // 2 for length in picture.shape[1:])
    return picture[:, top : top + side_px, left : left + side_px]


@torch.no_grad()
def preview_sheet(
    network: TransformerNetwork, photos: list[Path], target: Path, *, side_px: int = 256
) -> Path:
    """Write a PNG with a row per photograph: the photograph, then every style from the identity on."""
    side = max(MIN_SIDE, side_px - side_px % STRIDE)
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    rows = []
    for path in photos:
        photo = centre_square(path, side).to(device)
        cells = [photo]
        for row in range(network.styles):
            weights = F.one_hot(torch.tensor([row], device=device), network.styles).float()
            cells.append(network(photo[None], weights)[0])
        rows.append(torch.cat(cells, dim=2))
    network.train(was_training)
    sheet = (torch.cat(rows, dim=1).permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(target)
    return target
