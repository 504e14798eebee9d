import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.execution.pool import Pool
from giornata.jobs.model.states import JobState
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.loader import parse_spec
from giornata.styles.library import Library
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from tests.cluster.execution.shops import Shop, save_picture

pytestmark = pytest.mark.ray


torch.set_num_threads(1)


def alone(shop: Shop, spec: dict[str, object], target: Path, *, tile_px: int = 2048) -> np.ndarray:
    """The only item of `spec` rendered in this process, whole unless tiles are asked for."""
    (task,) = expand(
        parse_spec(spec, origin="test"), base=shop.folder, styles=InstalledStyles(Library((shop.library,)))
    )
    scratch = shop.folder / "alone"
    renderer = Renderer(RenderSettings(scratch=scratch, style_folders=(shop.library,)))
    try:
        renderer.render(task.model_copy(update={"tile_px": tile_px}), target)
    finally:
        renderer.close()
    return pyvips.Image.new_from_file(str(target)).numpy()


def test_a_spread_picture_is_the_same_as_one_rendered_alone(shop: Shop, pool: Pool, tmp_path: Path) -> None:
    save_picture(shop.folder / "large.png", 333, 401)
    spec = {
        "name": "large",
        "inputs": ["large.png"],
        "styles": ["ochre"],
        "destination": "large-out",
        "render": {"tile": 128, "overlap": 16},
    }
    state, store, job_id = shop.run(pool, spec)
    assert state is JobState.COMPLETED
    (item,) = store.items.all(job_id)
    got = pyvips.Image.new_from_file(item.target).numpy()
    expected = alone(shop, spec, tmp_path / "alone.png")
    assert got.shape == (401, 333, 3)
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1
    assert not list(shop.settings.scratch.glob("render-*"))
    laps = json.loads(Path(f"{item.target}.provenance.json").read_text())["times"]["seconds"]
    assert set(laps) == {"decode", "style", "finish", "encode"}
    assert laps["style"] > 0


def test_a_spread_picture_with_a_brush_and_masks_has_the_bytes_of_one_worker(
    shop: Shop, pool: Pool, tmp_path: Path
) -> None:
    save_picture(shop.folder / "sheet.png", 420, 330, seed=9)
    y, x = np.mgrid[:330, :420]
    logo = np.where((x - 210) ** 2 + (y - 160) ** 2 < 90**2, 255, 0).astype(np.uint8)
    pyvips.Image.new_from_array(logo).pngsave(str(shop.folder / "logo.png"))
    pyvips.Image.new_from_array((x > 250).astype(np.uint8) * 255).pngsave(str(shop.folder / "right.png"))
    spec = {
        "name": "effects",
        "inputs": ["sheet.png"],
        "styles": [{"name": "ochre", "regions": [{"mask": "right.png", "name": "azure"}]}],
        "destination": "effects-out",
        "masks": {"protect": "logo.png", "feather": 6},
        "render": {"tile": 128, "overlap": 16, "brush": 0.05, "preserve_colour": "covariance"},
    }
    before = {worker.id: worker.finished for worker in pool.workers()}
    state, store, job_id = shop.run(pool, spec)
    assert state is JobState.COMPLETED, [item.reason for item in store.items.failures(job_id)]
    assert all(worker.finished > before[worker.id] for worker in pool.workers())  # each had a part
    (item,) = store.items.all(job_id)
    made, target = pyvips.Image.new_from_file(item.target).numpy(), tmp_path / "alone.png"
    assert np.array_equal(made, alone(shop, spec, target, tile_px=128))
    assert Path(item.target).read_bytes() == target.read_bytes()
    source = pyvips.Image.new_from_file(str(shop.folder / "sheet.png")).numpy()
    inside = (x - 210) ** 2 + (y - 160) ** 2 < 60**2
    assert np.array_equal(made[inside], source[inside])
    assert not np.array_equal(made[~inside], source[~inside])


@pytest.mark.slow
def test_workers_killed_in_the_middle_of_a_spread_picture_cost_nothing_but_time(
    shop: Shop, pool: Pool, tmp_path: Path
) -> None:
    save_picture(shop.folder / "hunted.png", 900, 700)
    spec = {
        "name": "hunted",
        "inputs": ["hunted.png"],
        "styles": ["azure"],
        "destination": "hunted-out",
        "render": {"tile": 128},
    }
    killed: list[int] = []

    def hunt() -> None:
        for _ in range(2):
            time.sleep(1.5)
            pids = [worker.pid for worker in pool.workers() if worker.pid and worker.in_flight]
            if pids:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

    hunter = threading.Thread(target=hunt)
    hunter.start()
    state, store, job_id = shop.run(pool, spec)
    hunter.join()
    assert state is JobState.COMPLETED
    (item,) = store.items.all(job_id)
    got = pyvips.Image.new_from_file(item.target).numpy()
    expected = alone(shop, spec, tmp_path / "alone.png")
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1
    assert killed


def test_borrowed_statistics_are_spread_too(shop: Shop, pool: Pool) -> None:
    save_picture(shop.folder / "poster.png", 300, 200, seed=5)
    save_picture(shop.folder / "banner.png", 150, 100, seed=6)
    for number, render in enumerate(
        [{"statistics": "thumbnail"}, {"statistics": "reference", "reference": "banner.png"}]
    ):
        spec = {
            "name": f"borrowed-{number}",
            "inputs": ["poster.png"],
            "styles": [{"mix": {"ochre": 1, "azure": 3}}],
            "destination": f"borrowed-{number}-out",
            "render": {"tile": 128, **render},
        }
        state, store, job_id = shop.run(pool, spec)
        assert state is JobState.COMPLETED, [item.reason for item in store.items.failures(job_id)]
