"""Photographs small enough for judging networks in a test, and where the true weights of LPIPS may lie."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from skimage import data

from giornata.styles.evaluation.metrics import Image

BESIDE_THE_REPOSITORY = Path(__file__).parents[4] / "shared" / "data"
SIDE_PX = 96

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photo() -> Image:
    """A photograph, 96 px square."""
    return small(data.astronaut())


@pytest.fixture(scope="session")
def painting() -> Image:
    """Something else than the photograph, and wider than high."""
    return small(data.coffee(), width=128)


def small(samples: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], *, width: int = SIDE_PX) -> Image:
    resized = Pillow.fromarray(samples[:, :, :3]).resize((width, SIDE_PX), Pillow.Resampling.LANCZOS)
    return np.asarray(resized, np.float32) / np.float32(255)


@pytest.fixture(scope="session")
def lpips_folder() -> Path:
    """The folder of true LPIPS weights, which are not part of the repository."""
    beside = Path(os.environ.get("GIORNATA_TEST_DATA", BESIDE_THE_REPOSITORY)) / "teachers" / "lpips"
    folder = Path(os.environ.get("GIORNATA_LPIPS", beside))
    if not folder.is_dir():
        pytest.skip("no LPIPS weights: set GIORNATA_LPIPS to a folder of them")
    return folder
