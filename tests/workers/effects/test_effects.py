from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import skimage.data
import torch

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.effects import (
    Effects,
    asked_effects,
    bare,
    canvas_depth,
    pixel_blend,
    prepare_effects,
)
from giornata.workers.rendering.finish import apply_effects
from giornata.workers.source import Depth
from tests.workers.pictures import image

torch.set_num_threads(1)


Samples = npt.NDArray[Any]


HEIGHT, WIDTH = 120, 160


def photo(bits: int = 8) -> Samples:
    samples = np.ascontiguousarray(skimage.data.astronaut()[40 : 40 + HEIGHT, 140 : 140 + WIDTH])
    return samples if bits == 8 else samples.astype(np.uint16) * 257 + 5


def saved(path: Path, samples: Samples) -> str:
    image(samples).write_to_file(str(path))
    return str(path)


def task_of(folder: Path, **words: Any) -> RenderTask:
    plain = {"item_id": "a" * 20, "style_label": "s", "mix": {"ochre": 1.0}, "tile_px": 64, "overlap_px": 16}
    paths = {"source": str(folder / "photo.png"), "target": str(folder / "out.png")}
    return RenderTask.model_validate({**plain, **paths, "format": PictureFormat.PNG, **words})


def decoded(folder: Path, sandbox: Sandbox, bits: int = 8) -> DecodedImage:
    saved(folder / "photo.png", photo(bits))
    return sandbox.decode(folder / "photo.png", folder / "source")


def test_nothing_asked_for_is_nothing_done(tmp_path: Path, sandbox: Sandbox) -> None:
    task, canvas = task_of(tmp_path), photo()
    working = decoded(tmp_path, sandbox)
    nobody: Any = None
    effects = prepare_effects(task, working, tmp_path / "e", sandbox=nobody, native_px=nobody, paint=nobody)
    assert effects == Effects()
    assert apply_effects(task, working, effects, canvas, folder=tmp_path / "f") is canvas
    assert not (tmp_path / "e").exists()
    assert not (tmp_path / "f").exists()
    assert canvas_depth(task, working) is Depth.UINT8


def test_with_effects_the_canvas_keeps_sixteen_bits(tmp_path: Path, sandbox: Sandbox) -> None:
    task = task_of(tmp_path, preserve_colour="luminance")
    assert canvas_depth(task, decoded(tmp_path, sandbox)) is Depth.UINT16
    assert asked_effects(task)
    assert not asked_effects(bare(task))


def test_the_photographs_own_pixels_come_in_below_a_tenth_of_the_strength() -> None:
    plain = RenderTask(
        item_id="i", source="/a", target="/b", style_label="s", mix={}, format=PictureFormat.PNG, blend=0.5
    )
    tasks = [
        plain.model_copy(update={"strength": strength, "blend": 1.0})
        for strength in (0.0, 0.05, 0.1, 0.5, 1.0)
    ]
    assert [1 - pixel_blend(task) for task in tasks] == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert pixel_blend(plain) == 0.5
