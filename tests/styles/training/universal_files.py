"""Teachers of random weights for a training of the universal network that takes seconds."""

from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19
from giornata.styles.universal.network import SECOND

DEEP_LAYERS = ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")


def universal_files(folder: Path) -> dict[str, Path]:
    """Teachers with random weights and two pictures, written to a folder."""
    Image.fromarray(data.astronaut()).resize((96, 96)).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).resize((128, 96)).save(folder / "coffee.png")
    weights = random_weights(VGG19, seed=1)
    save_file({k: v for k, v in weights.items() if k[4:7] <= "3_1"}, folder / "true.safetensors")
    torch.manual_seed(0)
    deep = {"conv0.weight": torch.randn(3, 3, 1, 1), "conv0.bias": torch.zeros(3)}
    inputs = 3
    for name in DEEP_LAYERS:
        width = SECOND.widths[int(name[0]) - 1]
        deep[f"conv{name}.weight"] = torch.randn(width, inputs, 3, 3) / (4.5 * inputs) ** 0.5
        deep[f"conv{name}.bias"] = torch.zeros(width)
        inputs = width
    save_file(deep, folder / "deep.safetensors")
    return {"encoder": folder / "true.safetensors", "deep_encoder": folder / "deep.safetensors"}
