"""What tests of an evaluation share."""

from pathlib import Path

import numpy as np
import pytest

from giornata.cluster.evaluation.images import write_image
from giornata.cluster.evaluation.protocol import image_path
from tests.cluster.evaluation.tiny_set import TinySet, tiny_set
from tests.cluster.evaluation.votes import evaluation


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinySet:
    """Photographs, paintings, judging networks and teachers, all tiny."""
    return tiny_set(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for one in evaluation().readings:
        write_image(
            np.zeros((4, 4, 3), np.float32), image_path(tmp_path, one.method, one.painting, one.photo)
        )
    return tmp_path
