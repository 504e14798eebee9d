"""Networks of random weights, noise and a recipe for a training of the painters that takes seconds."""

from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file

from giornata.styles.training.painters import TrainingFiles
from giornata.styles.training.recipe import Recipe

DEEP = ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")


def encoder(path: Path) -> Path:
    """Random weights in the shape of the first VGG-19 blocks, narrow."""
    torch.manual_seed(0)
    tensors, channels = {}, 3
    for block, count, width in ((1, 2, 8), (2, 2, 12), (3, 4, 16)):
        for layer in range(1, count + 1):
            name = f"conv{block}_{layer}"
            scale = (2 / (9 * channels)) ** 0.5
            tensors[f"{name}.weight"] = torch.randn(width, channels, 3, 3) * scale
            tensors[f"{name}.bias"] = torch.zeros(width)
            channels = width
    save_file(tensors, path)
    return path


def deep_encoder(path: Path) -> Path:
    """Random weights in the shape of the compressed VGG-19, narrow."""
    torch.manual_seed(1)
    tensors = {"conv0.weight": torch.eye(3).view(3, 3, 1, 1) * 255, "conv0.bias": -torch.full((3,), 120.0)}
    channels = 3
    for name in DEEP:
        width = 8 if name[0] in "12" else 12
        tensors[f"conv{name}.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        tensors[f"conv{name}.bias"] = torch.zeros(width)
        channels = width
    save_file(tensors, path)
    return path


def noise(path: Path, size: tuple[int, int], seed: int) -> None:
    values = torch.rand(size[1] // 8, size[0] // 8, 3, generator=torch.Generator().manual_seed(seed))
    Image.fromarray((values * 255).byte().numpy()).resize(size).save(path)


def at(files: TrainingFiles, work: Path) -> TrainingFiles:
    return TrainingFiles(files.photos, files.paintings, files.encoder, files.deep_encoder, work)


def recipe(*stages: dict[str, object], **changes: object) -> Recipe:
    papers = {"title": "O", "artist": "A", "year": "1", "short_side_px": 128}
    words: dict[str, object] = {
        "name": "tiny",
        "trained_on": "noise",
        "width": 8,
        "blocks": 1,
        "ends": [8, 8],
        "up": [8, 8],
        "steer_every": 2,
        "stages": [{"batch": 2, "crop_px": 64} | stage for stage in stages],
        "paintings": [{"name": n, "image": f"{n}.png", **papers} for n in ("ochre", "azure")],
    }
    return Recipe.model_validate(words | changes)
