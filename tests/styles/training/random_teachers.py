"""Weights of the cascade's five levels, drawn at random."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from giornata.styles.training.wct_teacher import ENCODER, FOLDER, LEVELS

WIDTH = 4


def random_teachers(folder: Path) -> Path:
    """Write them as `wct_files` names them below `folder`, which is returned."""
    (folder / FOLDER).mkdir(parents=True)
    generator = torch.Generator().manual_seed(3)
    for level in LEVELS:
        steps = [step for step in ENCODER if step != "P" and step <= f"{level}1"]
        encoder = {"conv0.weight": torch.eye(3)[:, :, None, None].contiguous(), "conv0.bias": torch.zeros(3)}
        decoder = dict[str, Tensor]()
        for step in steps:
            inputs = 3 if step == "11" else WIDTH
            for weights, shape in ((encoder, (WIDTH, inputs)), (decoder, (inputs, WIDTH))):
                scale = (2 / (9 * shape[1])) ** 0.5
                weights[f"conv{step}.weight"] = scale * torch.randn(*shape, 3, 3, generator=generator)
                weights[f"conv{step}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
        save_file(encoder, folder / FOLDER / f"{level}SE.safetensors")
        save_file(decoder, folder / FOLDER / f"{level}SD.safetensors")
    return folder
