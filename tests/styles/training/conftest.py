"""Folders of files for trainings and for their teachers."""

from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from giornata.styles.training.painters import TrainingFiles
from tests.styles.training.painters_files import deep_encoder, encoder, noise
from tests.styles.training.random_teachers import random_teachers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TrainingFiles:
    root = tmp_path_factory.mktemp("training")
    (root / "paintings").mkdir()
    for seed in range(3):
        noise(root / f"{seed}.png", (160, 120), seed)
    noise(root / "paintings" / "ochre.png", (200, 160), 9)
    noise(root / "paintings" / "azure.png", (200, 160), 10)
    return TrainingFiles(
        tuple(root / f"{seed}.png" for seed in range(3)),
        root / "paintings",
        encoder(root / "encoder.safetensors"),
        deep_encoder(root / "deep.safetensors"),
        root / "work",
    )


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of five levels, drawn at random, and two pictures."""
    folder = tmp_path_factory.mktemp("teachers")
    random_teachers(folder)
    Image.fromarray(data.astronaut()).resize((96, 96)).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).resize((128, 96)).save(folder / "coffee.png")
    return folder
