"""Libraries of a small network with random weights."""

from pathlib import Path

import torch

from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe


def recipe(name: str, *styles: str) -> Recipe:
    paintings = [
        {"name": s, "image": "x.jpg", "title": s.title(), "artist": "A. Painter", "year": "1900"}
        for s in styles
    ]
    words = {"name": name, "trained_on": "tests", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    return Recipe.model_validate(words | {"paintings": paintings})


def write(folder: Path, name: str, *styles: str) -> Path:
    torch.manual_seed(len(name))
    network = TransformerNetwork(styles=1 + len(styles), width=8, blocks=1)
    write_library(network, recipe(name, *styles), folder)
    return folder
