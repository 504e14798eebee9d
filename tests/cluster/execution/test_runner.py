"""A batch on real render actors: small pictures whole, a large one spread, and workers that are killed."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.batch.session import actor_factory
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.runner import PoolRunner
from giornata.cluster.execution.worker import Call
from giornata.cluster.settings import ClusterSettings
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.manager.worker_health import place_of
from giornata.jobs.model.attempt import Claim, OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.store import JobStore
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.library import Library
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

pytestmark = pytest.mark.ray
torch.set_num_threads(1)


def small_library(folder: Path) -> Path:
    """Two styles of a small random network."""
    torch.manual_seed(3)
    paintings = [
        {"name": name, "image": "none.jpg", "title": name, "artist": "nobody", "year": "0"}
        for name in ("ochre", "azure")
    ]
    words = {"name": "tiny", "trained_on": "nothing", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    recipe = Recipe.model_validate(words | {"paintings": paintings})
    network = TransformerNetwork(styles=3, width=8, blocks=1)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.7, 0.3)
    write_library(network, recipe, folder)
    return folder


def save_picture(path: Path, width: int, height: int, seed: int = 0) -> Path:
    """A structured picture, as lossless PNG."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = np.stack([np.sin(x / (9 + c)) + np.cos(y / (13 - c)) for c in range(3)], 2) * 50 + 128
    samples = (base + rng.normal(0, 12, base.shape)).clip(0, 255).astype(np.uint8)
    pyvips.Image.new_from_array(samples).pngsave(str(path))
    return path


@dataclass
class Shop:
    """A folder of inputs, a library, and what runs batches on them."""

    folder: Path
    library: Path
    settings: ClusterSettings

    def run(self, pool: Pool, spec: dict[str, object]) -> tuple[JobState, JobStore, str]:
        """Submit and run one job."""
        store = JobStore(self.folder / "jobs.sqlite")
        publisher, styles = LocalPublisher(), InstalledStyles(Library((self.library,)))
        manager = JobManager(store, PoolRunner(pool, discard=publisher.discard), publisher, styles)
        job = manager.submit(parse_spec(spec, origin="test"), base=self.folder)
        return manager.run_until_done(job.job_id), store, job.job_id


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    home = folder / "home"
    settings = ClusterSettings(workers=3, home=home, scratch=home / "scratch")
    return Shop(folder, small_library(folder / "library"), settings)


@pytest.fixture(scope="module")
def pool(embedded_ray: object, shop: Shop) -> Iterator[Pool]:
    scratch = shop.settings.scratch
    scratch.mkdir(parents=True)
    factory = actor_factory(shop.settings, scratch, (shop.library,))
    with Pool(factory, 3, call_timeout_s=120) as started:
        assert started.warm_up(120) == 3
        yield started


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


def test_a_batch_with_a_broken_file_delivers_the_rest_and_says_why(shop: Shop, pool: Pool) -> None:
    inputs = shop.folder / "mixed"
    inputs.mkdir()
    for number in range(4):
        save_picture(inputs / f"good{number}.png", 60 + 7 * number, 50, seed=number)
    (inputs / "broken.jpg").write_text("<html>not found</html>")
    spec = {"name": "mixed", "inputs": ["mixed"], "styles": ["ochre", "azure"], "destination": "mixed-out"}
    state, store, job_id = shop.run(pool, spec)
    assert state is JobState.COMPLETED_WITH_FAILURES
    counts = store.jobs.snapshot(job_id).counts
    assert counts[ItemState.DONE] == 8
    assert counts[ItemState.QUARANTINED] == 2
    assert all("<html>" in item.reason for item in store.items.failures(job_id))
    written = sorted(path.name for path in (shop.folder / "mixed-out").rglob("*") if path.is_file())
    records = list((shop.folder / "mixed-out").rglob("*.provenance.json"))
    laps = [json.loads(path.read_text())["times"]["seconds"] for path in records]
    assert [set(lap) for lap in laps] == [{"decode", "style", "finish", "encode"}] * 8
    pictures = [name for name in written if not name.endswith(".provenance.json")]
    assert len([name for name in pictures if name.startswith("good")]) == 8
    assert not [name for name in written if "part" in name]


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


def test_a_dropped_claim_stops_at_its_next_tile_and_leaves_nothing(shop: Shop, pool: Pool) -> None:
    save_picture(shop.folder / "huge.png", 1500, 1200)
    spec = {
        "name": "huge",
        "inputs": ["huge.png"],
        "styles": ["ochre"],
        "destination": "huge-out",
        "render": {"tile": 64},
    }
    parsed, styles = parse_spec(spec, origin="test"), InstalledStyles(Library((shop.library,)))
    (task,) = expand(parsed, base=shop.folder, styles=styles)
    Path(task.target).parent.mkdir()
    claim = Claim(job_id="huge", task=task, attempt=1, epoch=1)
    runner = PoolRunner(pool, discard=LocalPublisher().discard)
    runner.submit(claim)
    until = time.monotonic() + 60
    while claim.key not in runner.beats() and time.monotonic() < until:
        assert runner.collect(0.2) == []
    assert {view.item_id for view in runner.workers()} >= {task.item_id}
    started = time.monotonic()
    runner.drop([claim.key])
    while pool.in_flight() and time.monotonic() < started + 30:
        assert runner.collect(0.2) == []
        runner.beats()
    assert pool.in_flight() == 0
    assert time.monotonic() - started < 15  # the whole picture takes far longer
    assert list(Path(task.target).parent.iterdir()) == []
    assert not list(shop.settings.scratch.glob("render-*"))


def test_a_worker_that_shows_no_progress_is_ended_and_its_claim_told(shop: Shop, pool: Pool) -> None:
    save_picture(shop.folder / "stuck.png", 200, 150)
    spec = {"name": "stuck", "inputs": ["stuck.png"], "styles": ["ochre"], "destination": "stuck-out"}
    parsed, styles = parse_spec(spec, origin="test"), InstalledStyles(Library((shop.library,)))
    (task,) = expand(parsed, base=shop.folder, styles=styles)
    Path(task.target).parent.mkdir()
    runner = PoolRunner(pool, discard=LocalPublisher().discard)
    (first, *_) = pool.workers()
    os.kill(first.pid or 0, signal.SIGSTOP)
    claim = Claim(job_id="stuck", task=task, attempt=1, epoch=1)
    pool.submit(Call(claim.key, "render", (claim,)), worker=first.id)
    runner._claims[claim.key] = claim  # pinned to the worker that stands still
    until = time.monotonic() + 60
    while runner.beats().get(claim.key, 0.0) < 3.0 and time.monotonic() < until:
        assert runner.collect(0.2) == []
    runner.abandon(claim.key, "no progress for 3 s")
    (outcome,) = runner.collect(0.2)
    assert (outcome.outcome_class, outcome.worker) == (OutcomeClass.TIMEOUT, first.id)
    assert outcome.reason == "no progress for 3 s"
    assert pool.warm_up(60) == 3


def test_a_place_that_is_set_aside_gets_no_work_and_comes_back(shop: Shop, pool: Pool) -> None:
    runner = PoolRunner(pool, discard=LocalPublisher().discard)
    whole = runner.capacity()
    runner.set_aside({"render-0"}, drained={"render-0"})
    assert runner.capacity() == whole - 2
    assert "render-0" not in {
        place_of(view.id) for view in runner.workers()
    }  # drained: its process has ended
    runner.set_aside((), drained=())
    assert pool.warm_up(60) == 3
    assert runner.capacity() == whole
