"""Effects come one after the other, cost nothing when nobody asks, and leave what is protected alone."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
import skimage.data
import torch

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat, PreserveColour
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects.effects import prepare_effects
from giornata.workers.errors import Rejected
from giornata.workers.rendering.finish import apply_effects
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling import arrays as bands
from giornata.workers.tiling.arrays import to_float
from giornata.workers.tiling.canvas import Canvas
from giornata.workers.tiling.grid import TileGrid
from tests.workers.pictures import image

torch.set_num_threads(1)
Samples = npt.NDArray[Any]
HEIGHT, WIDTH = 120, 160


def photo(bits: int = 8) -> Samples:
    samples = np.ascontiguousarray(skimage.data.astronaut()[40 : 40 + HEIGHT, 140 : 140 + WIDTH])
    return samples if bits == 8 else samples.astype(np.uint16) * 257 + 5


def face() -> Samples:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (y - 60) ** 2 + (x - 80) ** 2 < 30**2


def left() -> Samples:
    return np.broadcast_to(np.arange(WIDTH) < WIDTH // 2, (HEIGHT, WIDTH))


def saved(path: Path, samples: Samples) -> str:
    image(samples).write_to_file(str(path))
    return str(path)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two styles of a small network that nobody trained."""
    folder = tmp_path_factory.mktemp("library")
    torch.manual_seed(3)
    paintings = [
        {"name": name, "image": "none.jpg", "title": "t", "artist": "nobody", "year": "0"}
        for name in ("ochre", "umber")
    ]
    words = {"name": "tiny", "trained_on": "nothing", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    network = TransformerNetwork(styles=3, width=8, blocks=1)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.7, 0.5)
    write_library(network, Recipe.model_validate(words | {"paintings": paintings}), folder)
    return folder


def task_of(folder: Path, **words: Any) -> RenderTask:
    plain = {"item_id": "a" * 20, "style_label": "s", "mix": {"ochre": 1.0}, "tile_px": 64, "overlap_px": 16}
    paths = {"source": str(folder / "photo.png"), "target": str(folder / "out.png")}
    return RenderTask.model_validate({**plain, **paths, "format": PictureFormat.PNG, **words})


def everything(folder: Path) -> dict[str, Any]:
    """All effects at once."""
    return {
        "brush": {"value": 20, "unit": "px"},
        "regions": [{"mask": saved(folder / "left.png", grey(left())), "mix": {"umber": 1.0}}],
        "preserve_colour": "covariance",
        "masks": {"protect": saved(folder / "face.png", grey(face())), "feather_px": 6},
    }


def grey(plane: Samples) -> Samples:
    return np.where(plane, 255, 0).astype(np.uint8)


def rendered(folder: Path, library: Path, task: RenderTask, **settings: Any) -> Samples:
    renderer = Renderer(RenderSettings(scratch=folder / "scratch", style_folders=(library,), **settings))
    try:
        renderer.render(task, Path(task.target))
    finally:
        renderer.close()
    assert list((folder / "scratch").glob("render-*")) == []
    samples: Samples = pyvips.Image.new_from_file(task.target).numpy()
    return samples


def decoded(folder: Path, sandbox: Sandbox, bits: int = 8) -> DecodedImage:
    saved(folder / "photo.png", photo(bits))
    return sandbox.decode(folder / "photo.png", folder / "source")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("how", PreserveColour)
def test_colours_come_back_before_masks_cover_them(
    tmp_path: Path, sandbox: Sandbox, bits: int, how: PreserveColour, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = decoded(tmp_path, sandbox, bits)
    masks = {"protect": saved(tmp_path / "face.png", grey(face())), "feather_px": 6}
    task = task_of(tmp_path, preserve_colour=how, masks=masks)
    nobody: Any = None
    effects = prepare_effects(task, working, tmp_path / "e", sandbox=sandbox, native_px=nobody, paint=nobody)
    canvas = np.rint(to_float(photo())[:, :, ::-1] ** 2 * 65535).astype(np.uint16)
    made = apply_effects(task, working, effects, canvas, folder=tmp_path / "f")
    assert made.dtype == photo(bits).dtype
    assert np.array_equal(made[face()], photo(bits)[face()])
    off = ~face()
    assert (made[off] != photo(bits)[off]).any()
    monkeypatch.setattr(bands, "BAND_PX", 999)
    assert np.array_equal(apply_effects(task, working, effects, canvas, folder=tmp_path / "g"), made)


@pytest.mark.parametrize("bits", [8, 16])
def test_all_effects_together_leave_the_protected_face_bit_for_bit(
    tmp_path: Path, library: Path, bits: int
) -> None:
    saved(tmp_path / "photo.png", photo(bits))
    made = rendered(tmp_path, library, task_of(tmp_path, **everything(tmp_path)))
    assert made.shape == photo().shape
    assert made.dtype == photo(bits).dtype
    assert np.array_equal(made[face()], photo(bits)[face()])


def test_neither_lanes_nor_memory_change_a_finished_picture(tmp_path: Path, library: Path) -> None:
    saved(tmp_path / "photo.png", photo())
    task = task_of(tmp_path, **everything(tmp_path))
    once = rendered(tmp_path, library, task)
    assert np.array_equal(rendered(tmp_path, library, task, lanes=2), once)
    assert np.array_equal(rendered(tmp_path, library, task, memory_bytes=1, spill_bytes=0), once)


def test_tiles_of_another_size_move_no_sample_by_more_than_a_step(tmp_path: Path, library: Path) -> None:
    saved(tmp_path / "photo.png", photo())
    words = everything(tmp_path) | {"preserve_colour": "luminance"}
    made = [
        rendered(tmp_path, library, task_of(tmp_path, **words, tile_px=tile_px)).astype(int)
        for tile_px in (48, 512)
    ]
    assert np.abs(made[0] - made[1]).max() <= 1


def test_each_region_is_exactly_what_its_style_makes_of_the_whole_picture(
    tmp_path: Path, library: Path
) -> None:
    saved(tmp_path / "photo.png", photo())
    regions = [{"mask": saved(tmp_path / "left.png", grey(left())), "mix": {"umber": 1.0}}]
    both = rendered(tmp_path, library, task_of(tmp_path, regions=regions, masks={"feather_px": 0}))
    ochre = rendered(tmp_path, library, task_of(tmp_path))
    umber = rendered(tmp_path, library, task_of(tmp_path, mix={"umber": 1.0}))
    assert np.abs(both[left()].astype(int) - umber[left()]).max() <= 1
    assert np.abs(both[~left()].astype(int) - ochre[~left()]).max() <= 1
    assert (ochre != umber).any()


def test_a_bad_mask_is_found_before_anything_is_painted(tmp_path: Path, library: Path) -> None:
    saved(tmp_path / "photo.png", photo())
    (tmp_path / "mask.png").write_text("no picture")
    task = task_of(tmp_path, masks={"protect": str(tmp_path / "mask.png")})
    with pytest.raises(Rejected, match=r"mask\.png"):
        rendered(tmp_path, library, task)


def test_a_skipped_tile_leaves_the_others_whole(tmp_path: Path) -> None:
    grid = TileGrid(width=64, height=32, core_px=32, stride=4, halo_px=0, overlap_px=8)
    canvas = Canvas(grid, np.zeros((32, 64, 3), np.float32), tmp_path)
    canvas.add(grid[0], np.ones((grid[0].reach.height, grid[0].reach.width, 3), np.float32))
    canvas.skip(grid[1])
    made = canvas.finish()
    assert (made[:, :28] == 1).all()
    assert (made[:, 36:] == 0).all()
