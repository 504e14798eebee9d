"""Weights and pictures that are optimised in moments."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file
from skimage import data
from skimage.transform import resize

from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 as far as conv2_1, of its true shape, with random weights that keep Caffe's range."""
    made = {key: value for key, value in random_weights(VGG19, seed=5).items() if key[4:7] <= "2_1"}
    made["conv1_1.weight"] /= 30
    path = tmp_path_factory.mktemp("encoder") / "vgg.safetensors"
    save_file(made, path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, picture in (("content", data.chelsea()), ("style", data.coffee())):
        small = resize(picture, (64, 80), anti_aliasing=True).astype(np.float32)
        np.save(folder / f"{name}.npy", small)
    return folder
