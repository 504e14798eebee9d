"""A renderer and a picture, for what a batch asks of one image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
import skimage.data
import torch

from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from tests.workers.rendering.image_tasks import SIZE


@pytest.fixture
def renderer(tmp_path: Path) -> Iterator[Renderer]:
    made = Renderer(RenderSettings(scratch=tmp_path / "scratch"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "photo.png"
    photo = skimage.data.astronaut()[20 : 20 + SIZE[0], 140 : 140 + SIZE[1]]
    pyvips.Image.new_from_array(np.ascontiguousarray(photo)).pngsave(str(path))
    return path


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
