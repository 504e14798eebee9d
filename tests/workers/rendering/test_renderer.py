"""A large picture: the same bytes wherever its features wait, and no finished work is done twice."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe
from giornata.workers.errors import ScratchFull
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.rendering.workdir import folder_name
from giornata.workers.settings import RenderSettings
from giornata.workers.tiling.feature_plan import FeaturePlacement
from giornata.workers.tiling.features import room_for_features
from giornata.workers.tiling.grid import TileGrid

torch.set_num_threads(1)
TILES, PHASES = 48, 7


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    torch.manual_seed(3)
    paintings = [{"name": "ochre", "image": "none.jpg", "title": "o", "artist": "nobody", "year": "0"}]
    words = {"name": "tiny", "trained_on": "nothing", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    network = TransformerNetwork(styles=2, width=8, blocks=1)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.7, 0.3)
    write_library(network, Recipe.model_validate(words | {"paintings": paintings}), folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:360, :488]
    waves = np.stack([np.sin(x / (9 + c)) + np.cos(y / (13 - c)) for c in range(3)], 2) * 50 + 128
    path = tmp_path_factory.mktemp("source") / "large.tif"
    tifffile.imwrite(path, (waves + rng.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8))
    return path


def task_of(source: Path, target: Path, **words: object) -> RenderTask:
    plain = {"item_id": "a" * 20, "style_label": "s", "mix": {"ochre": 1.0}, "tile_px": 64, "overlap_px": 16}
    made = {**plain, "source": str(source), "target": str(target), "format": PictureFormat.PNG, **words}
    return RenderTask.model_validate(made)


def settings_of(folder: Path, library: Path, **words: object) -> RenderSettings:
    return RenderSettings.model_validate({"scratch": folder, "style_folders": (library,), **words})


def rendered(
    task: RenderTask, settings: RenderSettings, *, tick: Callable[[], None] | None = None
) -> RenderResult:
    renderer = Renderer(settings)
    if tick:
        renderer.context.heartbeat.tick = tick  # type: ignore[method-assign]
    try:
        return renderer.render(task, Path(task.target))
    finally:
        renderer.close()


def test_wherever_features_wait_and_on_any_lanes_the_bytes_are_the_same(
    tmp_path: Path, library: Path, source: Path
) -> None:
    task = task_of(source, tmp_path / "out.png")
    made = {
        keep: rendered(task, settings_of(tmp_path / "scratch", library, **words))
        for keep, words in {
            FeaturePlacement.MEMORY: {"lanes": 2},
            FeaturePlacement.DISK: {"memory_bytes": 1},
            FeaturePlacement.RECOMPUTE: {"memory_bytes": 1, "spill_bytes": 0},
        }.items()
    }
    assert {one.feature_plan.keep: one.sha256 for one in made.values()} == dict.fromkeys(
        FeaturePlacement, made[FeaturePlacement.MEMORY].sha256
    )
    assert made[FeaturePlacement.DISK].feature_plan.disk_bytes > 0
    assert list((tmp_path / "scratch").iterdir()) == []


class Stop(BaseException):
    """What Ctrl-C is to a test."""


def stopping_after(steps: int) -> Callable[[], None]:
    taken = iter(range(steps))

    def tick() -> None:
        if next(taken, None) is None:
            raise Stop

    return tick


@pytest.mark.parametrize("memory_bytes", [1, 1 << 30], ids=["disk", "memory"])
def test_a_stopped_picture_goes_on_where_it_stopped(
    tmp_path: Path, library: Path, source: Path, memory_bytes: int
) -> None:
    task = task_of(source, tmp_path / "out.png")
    plain = rendered(task, settings_of(tmp_path / "plain", library))
    lasting = settings_of(
        tmp_path / "scratch", library, pictures=tmp_path / "pictures", memory_bytes=memory_bytes
    )
    steps = []
    for _ in range(5):
        with pytest.raises(Stop):
            rendered(task, lasting, tick=stopping_after(60))
        assert not (tmp_path / "out.png.part").exists()
    again = rendered(task, lasting, tick=lambda: steps.append(1))
    assert again.sha256 == plain.sha256
    # All tiles in all phases, painting, decoding and delivering: each tile that was noted is done once. A
    # stopped step had been noted before it was counted.
    assert len(steps) <= TILES * (PHASES + 1) + 2 - 5 * 59
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [".lock"]


def test_a_failure_leaves_nothing_and_a_stop_leaves_the_work(
    tmp_path: Path, library: Path, source: Path
) -> None:
    task = task_of(source, tmp_path / "out.png")
    lasting = settings_of(tmp_path / "scratch", library, pictures=tmp_path / "pictures")

    def fail() -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        rendered(task, lasting, tick=fail)
    assert not (tmp_path / "pictures" / folder_name(task)).exists()
    with pytest.raises(Stop):
        rendered(task, lasting, tick=stopping_after(3))
    assert (tmp_path / "pictures" / folder_name(task) / "prepared.json").exists()


def test_work_on_a_source_that_changed_is_begun_anew(tmp_path: Path, library: Path, source: Path) -> None:
    copy = tmp_path / "copy.tif"
    copy.write_bytes(source.read_bytes())
    task = task_of(copy, tmp_path / "out.png")
    lasting = settings_of(tmp_path / "scratch", library, pictures=tmp_path / "pictures")
    with pytest.raises(Stop):
        rendered(task, lasting, tick=stopping_after(80))
    samples = tifffile.imread(copy)
    tifffile.imwrite(copy, samples[::-1])
    changed = rendered(task, lasting)
    assert changed.sha256 == rendered(task, settings_of(tmp_path / "plain", library)).sha256


def test_work_of_a_living_process_is_left_to_it(tmp_path: Path, library: Path, source: Path) -> None:
    task = task_of(source, tmp_path / "out.png")
    lasting = settings_of(
        tmp_path / "scratch", library, pictures=tmp_path / "pictures", owner_pid=os.getppid()
    )
    with pytest.raises(Stop):
        rendered(task, lasting, tick=stopping_after(3))
    folder = tmp_path / "pictures" / folder_name(task)
    before = sorted(path.name for path in folder.rglob("*"))
    assert json.loads((folder / "owner.json").read_text())["pid"] == os.getppid()
    rendered(task, lasting.model_copy(update={"owner_pid": os.getpid()}))
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_a_small_picture_leaves_no_trace_among_lasting_ones(
    tmp_path: Path, library: Path, source: Path
) -> None:
    task = task_of(source, tmp_path / "out.png", tile_px=512)
    rendered(task, settings_of(tmp_path / "scratch", library, pictures=tmp_path / "pictures"))
    assert not (tmp_path / "pictures").exists()


def test_a_picture_that_scratch_cannot_hold_is_refused_before_it_starts(tmp_path: Path) -> None:
    grid = TileGrid(width=4_000_000, height=4_000_000, core_px=2048, stride=4, halo_px=64)
    with pytest.raises(ScratchFull, match="MB free, needed 48000000 MB"):
        room_for_features(tmp_path, grid, sample_bytes=1)
