"""An optimisation of four tiles: one worker is killed, then everything; the picture is that of a calm run."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from giornata.workers.optimization.loss_history import read_history
from tests.end_to_end.giants import LONG_CHAOS, PATIENCE_S, Giant

pytestmark = LONG_CHAOS
SPEC = """
name: gatys
inputs: [{source}]
styles:
  - image: {style}
    label: coffee
    steps: 60
    optimise: {{encoder: compact, growth: none}}
destination: out
outputs: [{{format: png}}]
render: {{tile: 128}}
"""
# As the command, but with a checkpoint a second: it is over in less than the minute that is usual.
OFTEN = """
from functools import partial
from giornata.cluster import session
session.RenderSettings = partial(session.RenderSettings, keep_every_s=1.0)
from giornata.cluster.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gatys")
    for name, picture in (("cat", data.chelsea()[:256, 100:356]), ("coffee", data.coffee()[60:316, 150:406])):
        Image.fromarray(picture).save(folder / f"{name}.png")
    return SPEC.format(source=folder / "cat.png", style=folder / "coffee.png")


@pytest.fixture
def giant(tmp_path: Path, spec: str) -> Iterator[Giant]:
    made = Giant(tmp_path / "killed", spec, code=OFTEN)
    yield made
    if made.process and made.process.poll() is None:
        made.kill_everything()


def wait_for(giant: Giant, step: int) -> None:
    """Until the optimisation has done this step."""
    deadline = time.monotonic() + PATIENCE_S
    while not any(
        course.now.step >= step
        for folder in giant.works.glob("*-*")
        if (course := read_history(folder)) is not None
    ):
        assert giant.process is not None
        assert giant.process.poll() is None, giant.process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_kills_do_not_show_in_the_picture(giant: Giant, spec: str, tmp_path: Path) -> None:
    calm = Giant(tmp_path / "calm", spec)
    calm.start(workers=1)
    wanted = np.asarray(Image.open(calm.finish())).astype(int)
    giant.start(workers=2)
    wait_for(giant, 12)
    giant.kill_a_worker(random.Random(1))
    wait_for(giant, 30)
    giant.kill_everything()
    assert list(giant.works.glob("*/optimisation/checkpoints/*"))
    giant.start(workers=2)
    assert np.abs(np.asarray(Image.open(giant.finish())).astype(int) - wanted).max() <= 1
    told = giant.out.glob("*.provenance.json")
    assert len(list(told)) == 1
