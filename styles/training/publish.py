"""From a trained network to a library: one safetensors file and a card for every painting."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from giornata.styles.card import Artwork, EngineName, StyleCard, card_text
from giornata.styles.loader import FORMAT
from giornata.styles.network import MIN_SIDE, STRIDE, TransformerNetwork
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
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata=header)
    part.chmod(0o644)  # safetensors makes it private, and a library is for every user
    part.replace(path)
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
