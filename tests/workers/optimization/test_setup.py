"""A task with a style picture comes out of the renderer like any other, and survives its process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise
from giornata.jobs.spec.enums import EngineKind, PictureFormat
from giornata.jobs.spec.style import OptimizationSpec, StyleImage
from giornata.jobs.spec.values import Brush, BrushUnit
from giornata.styles.errors import BadOptions, BadStylePicture, UnknownLayer
from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19
from giornata.workers.errors import EffectRefused
from giornata.workers.optimization.runner import OptimizationProgress
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

torch.set_num_threads(1)
LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("optimised")
    save_file(
        {key: value for key, value in random_weights(VGG19, seed=5).items() if key[4:7] <= "2_1"},
        made / "vgg.safetensors",
    )
    Image.fromarray(data.chelsea()).resize((97, 75)).save(made / "cat.png")
    Image.fromarray(data.coffee()).resize((96, 96)).save(made / "coffee.png")
    Image.new("RGB", (90, 90)).save(made / "black.png")
    Image.fromarray(data.coffee()).resize((90, 5)).save(made / "sliver.png")
    return made


def task_of(folder: Path, *, style: str = "coffee.png", steps: int = 6, **choice: object) -> RenderTask:
    told = {"style_layers": LAYERS, "content_layers": {"relu2_1": 1.0}, "optimiser": "adam", **choice}
    return RenderTask(
        item_id="item",
        source=str(folder / "cat.png"),
        target=str(folder / "out.png"),
        style_label="coffee",
        engine=EngineKind.OPTIMIZATION,
        mix={},
        optimise=TaskOptimise(
            images=(StyleImage(path=str(folder / style)),),
            encoder=str(folder / "vgg.safetensors"),
            steps=steps,
            choice=OptimizationSpec.model_validate(told),
        ),
        tile_px=64,
        format=PictureFormat.PNG,
    )


def rendered(task: RenderTask, scratch: Path, target: Path, **settings: object) -> np.ndarray:
    renderer = Renderer(RenderSettings(scratch=scratch, pictures=scratch / "pictures", **settings))
    try:
        made = renderer.render(task, target)
    finally:
        renderer.close()
    assert (made.width, made.height) == (97, 75)
    return np.asarray(Image.open(target)).astype(int)


def test_a_task_with_a_style_picture_is_delivered(folder: Path, tmp_path: Path) -> None:
    made = rendered(task_of(folder), tmp_path, tmp_path / "out.png")
    source = np.asarray(Image.open(folder / "cat.png")).astype(int)
    assert np.abs(made - source).mean() > 1
    assert not list((tmp_path / "pictures").glob("item*"))  # what lasts is gone with its item


@pytest.mark.parametrize("choice", [{}, {"tv": 1.0}, {"start": "noise"}], ids=["plain", "tv", "noise"])
def test_no_strength_is_the_picture_itself(folder: Path, tmp_path: Path, choice: dict[str, object]) -> None:
    task = task_of(folder, **choice).model_copy(update={"strength": 0.0})
    made = rendered(task, tmp_path, tmp_path / "out.png")
    assert np.abs(made - np.asarray(Image.open(folder / "cat.png")).astype(int)).max() == 0


def test_a_killed_optimisation_goes_on_and_ends_the_same(folder: Path, tmp_path: Path) -> None:
    task = task_of(folder, steps=12)
    calm = rendered(task, tmp_path / "calm", tmp_path / "calm.png")
    scratch = tmp_path / "killed"
    settings = RenderSettings(scratch=scratch, pictures=scratch / "pictures", keep_every_s=0)
    words = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from giornata.jobs.model.task import RenderTask\n"
        "from giornata.workers.rendering.renderer import Renderer\n"
        "from giornata.workers.settings import RenderSettings\n"
        "renderer = Renderer(RenderSettings.model_validate_json(sys.argv[2]))\n"
        "renderer.context.watch = lambda progress: print(progress.step, flush=True)\n"
        "renderer.render(RenderTask.model_validate_json(sys.argv[1]), Path(sys.argv[3]))\n"
    )
    command = [
        sys.executable,
        "-c",
        words,
        task.model_dump_json(),
        settings.model_dump_json(),
        str(tmp_path / "x"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "5":
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.1)
    seen: list[OptimizationProgress] = []
    renderer = Renderer(settings)
    renderer.context.watch = seen.append
    renderer.render(task, tmp_path / "resumed.png")
    renderer.close()
    assert seen[0].step > 4
    resumed = np.asarray(Image.open(tmp_path / "resumed.png")).astype(int)
    assert np.abs(resumed - calm).max() <= 1


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ({"style": "black.png"}, BadStylePicture, "black.png: got one colour all over"),
        ({"style": "sliver.png"}, BadStylePicture, "sliver.png: got 90×5 px, needed at least 8×8 px"),
        ({"alpha": 0, "beta": 0}, BadOptions, "alpha 0.0 and beta 0.0"),
        ({"style_layers": {"relu9_9": 1}}, UnknownLayer, "relu9_9"),
        ({"style_layers": {"relu5_1": 1}}, UnknownLayer, "relu5_1.* relu1_1, relu1_2, relu2_1"),
    ],
    ids=["black", "small", "nothing", "no such layer", "beyond the weights"],
)
def test_what_cannot_be_done_is_told_in_a_line(
    folder: Path, tmp_path: Path, task: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        rendered(task_of(folder, **task), tmp_path, tmp_path / "out.png")
    assert "\n" not in str(caught.value)


def test_strokes_of_a_size_are_for_networks(folder: Path, tmp_path: Path) -> None:
    task = task_of(folder).model_copy(update={"brush": Brush(value=9, unit=BrushUnit.PX)})
    with pytest.raises(EffectRefused, match="brush: got engine optimization"):
        rendered(task, tmp_path, tmp_path / "out.png")
