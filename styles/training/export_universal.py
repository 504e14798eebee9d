"""From a trained universal network to what ships: weights, their card, and styles that are statistics."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from giornata.styles.errors import BadRecipe, MissingPictures
from giornata.styles.library import Artwork, EngineName, StyleCard, card_text, sha256_of
from giornata.styles.training.data import read_picture, to_unit
from giornata.styles.training.recipe import Painting
from giornata.styles.universal.learn import learn_statistics
from giornata.styles.universal.loader import encoder_hash, read_network, save_network
from giornata.styles.universal.network import LEVELS, MIN_SIDE, STRIDE, NetworkReach, UniversalNetwork
from giornata.styles.universal.network_files import NetworkCard
from giornata.styles.universal.statistics import save_statistics

READING_PX = 512  # short side at which the strokes of a painting are read
TEACHERS = (
    "VGG-19 conv1_1 to conv3_1 (Simonyan and Zisserman 2014, CC BY 4.0), and a 16 times compressed VGG-19 "
    "(Wang et al. 2020, MIT); none of their weights are in this file"
)


@dataclass(frozen=True)
class LearntStyle:
    """A written style: its card and its file."""

    card: StyleCard
    path: Path


def publish_network(
    network: UniversalNetwork, folder: Path, *, trained_on: str, made_by: str, rebuilt_db: dict[str, float]
) -> NetworkCard:
    """Write `universal.safetensors` (float16) and its card into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = save_network(network, folder / "universal.safetensors")
    card = NetworkCard(
        name="universal",
        weights="universal.safetensors",
        sha256=sha256,
        encoder=encoder_hash(network),
        licence="Apache-2.0",
        trained_on=trained_on,
        made_by=made_by,
        teachers=TEACHERS,
        rebuilt_db=rebuilt_db,
    )
    (folder / "universal.toml").write_text(network_card_text(card), encoding="utf-8")
    return card


def network_card_text(card: NetworkCard) -> str:
    """The card as TOML; the inverse of `load_network_card`."""
    fields = card.model_dump()
    rebuilt = fields.pop("rebuilt_db")
    lines = [f'{key} = "{value}"' for key, value in fields.items()]
    rows = [f"{level} = {value:.2f}" for level, value in rebuilt.items()]
    head = "# The network of the universal engine: what any picture becomes a style by."
    comment = "[rebuilt_db]  # PSNR of pictures it was not trained on, rebuilt from a level without a style"
    return "\n".join([head, *lines, "", comment, *rows, ""])


@torch.inference_mode()
def rebuilt_db(network: UniversalNetwork, pictures: Sequence[Tensor]) -> dict[str, float]:
    """Mean PSNR in dB of pictures rebuilt from levels: each float32, 1 x 3 x H x W, 0..1.

    Level 1 is left out where it is the picture.
    """
    means = {}
    for level in range(2 if network.shape.is_picture else 1, LEVELS + 1):
        errors = [
            (network.decode(network.encode(picture, level)[-1], level).clamp(0, 1) - picture).square().mean()
            for picture in pictures
        ]
        means[f"level{level}"] = float(np.mean([-10 * np.log10(float(error)) for error in errors]))
    return means


def load_paintings_list(path: Path) -> tuple[Painting, ...]:
    """The paintings of a list (TOML). Raises `BadRecipe`."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["paintings"]
        return tuple(Painting.model_validate(row) for row in rows)
    except (OSError, tomllib.TOMLDecodeError, KeyError, ValidationError) as exc:
        raise BadRecipe(str(path), str(exc).splitlines()[0]) from exc


def learn_paintings(
    paintings: Sequence[Painting], folders: Sequence[Path], network: Path, out: Path, *, side_px: int
) -> Iterator[LearntStyle]:
    """Write a card and statistics into `out` for each painting found in `folders`, yielding each.

    `network` is the weight file that statistics are of. Raises `MissingPictures`, `BadStylePicture`.
    """
    out.mkdir(parents=True, exist_ok=True)
    loaded = read_network(network)
    identity = encoder_hash(loaded)
    for painting in paintings:
        pixels = to_unit(read_picture(found_picture(painting.image, folders), side_px))
        rows = pixels.permute(1, 2, 0).numpy()
        statistics = learn_statistics(loaded, rows, identity=identity, name=painting.image)
        path = out / f"{painting.name}.safetensors"
        save_statistics(statistics, path)
        card = painting_card(painting, path, identity, NetworkReach(LEVELS, loaded.shape))
        path.with_suffix(".toml").write_text(card_text(card), encoding="utf-8")
        yield LearntStyle(card, path)


def found_picture(name: str, folders: Sequence[Path]) -> Path:
    """The file of this name in the first folder that has it. Raises `MissingPictures`."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise MissingPictures(", ".join(str(folder) for folder in folders), f"the painting {name}")


def painting_card(painting: Painting, statistics: Path, network: str, reach: NetworkReach) -> StyleCard:
    """The card of a painting's statistics."""
    return StyleCard(
        name=painting.name,
        engine=EngineName.UNIVERSAL,
        weights=statistics.name,
        sha256=sha256_of(statistics),
        licence="Apache-2.0",
        trained_on=f"statistics of the painting, which is {painting.licence}",
        recipe="paintings",
        artwork=Artwork(title=painting.title, artist=painting.artist, year=painting.year),
        stride=STRIDE,
        halo_px=reach.halo_px,
        min_side=MIN_SIDE,
        network=network,
    )
