"""An optimisation on several workers is the one of a single process, also when some of them die."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.batch.session import actor_factory
from giornata.cluster.execution.distributed_optimization import (
    DistributedOptimization,
    DistributedOptimizationStart,
)
from giornata.cluster.execution.distributed_render import PendingCall, Step
from giornata.cluster.execution.optimization_actor import Command
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.render_actor import RenderActor
from giornata.cluster.execution.runner import PoolRunner
from giornata.cluster.settings import ClusterSettings
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.attempt import Claim, OutcomeClass
from giornata.jobs.model.states import JobState
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.store import JobStore
from giornata.styles.library import Library
from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("spread")
    weights = {key: value for key, value in random_weights(VGG19, seed=5).items() if key[4:7] <= "2_1"}
    save_file(weights, made / "vgg.safetensors")
    Image.fromarray(data.chelsea()).resize((131, 117)).save(made / "cat.png")
    Image.fromarray(data.coffee()).resize((96, 96)).save(made / "coffee.png")
    return made


def spec_of(folder: Path, *, steps: int) -> dict[str, object]:
    optimise = {
        "encoder": str(folder / "vgg.safetensors"),
        "style_layers": {"relu1_1": 1, "relu2_1": 1},
        "content_layers": {"relu2_1": 1},
    }
    return {
        "name": "cats",
        "inputs": ["cat.png"],
        "styles": [{"image": "coffee.png", "steps": steps, "optimise": optimise}],
        "destination": f"out-{steps}",
        "render": {"tile": 64},
        "outputs": [{"format": "png"}],
    }


def task_of(folder: Path, *, steps: int) -> RenderTask:
    styles = InstalledStyles(Library(()))
    (task,) = expand(parse_spec(spec_of(folder, steps=steps), origin="test"), base=folder, styles=styles)
    return task


def alone(folder: Path, task: RenderTask, place: Path) -> np.ndarray:
    renderer = Renderer(RenderSettings(scratch=place))
    try:
        renderer.render(task, place / "alone.png")
    finally:
        renderer.close()
    return np.asarray(Image.open(place / "alone.png")).astype(int)


class Crew:
    """Render actors as plain objects, and a loop that plays a spread on them as the runner does."""

    def __init__(self, scratch: Path, names: tuple[str, ...]) -> None:
        self.settings = RenderSettings(scratch=scratch, pictures=scratch / "pictures", keep_every_s=0)
        self.actors = {name: RenderActor(self.settings, 1, True) for name in names}

    def spread(self, claim: Claim) -> DistributedOptimization:
        first = next(iter(self.actors.values()))
        spreading = first.render(claim)
        assert isinstance(spreading, DistributedOptimizationStart)
        return DistributedOptimization(claim, spreading, tuple(self.actors), time.monotonic())

    def run(
        self, spread: DistributedOptimization, *, dies: Callable[[PendingCall], str] = lambda wanted: ""
    ) -> None:
        line = spread.begin()
        while line:
            wanted = line.pop(0)
            worker = wanted.worker if wanted.worker in self.actors else next(iter(self.actors))
            if dies(wanted) == worker:  # it is replaced by one that knows nothing
                self.actors[worker].renderer.close()
                del self.actors[worker]
                self.actors[f"{worker}+"] = RenderActor(self.settings, 1, True)
                line += spread.again(wanted.call.key)
                continue
            value = getattr(self.actors[worker], wanted.call.method)(*wanted.call.args)
            if wanted.call.key.step is Step.DELIVER:
                assert value.outcome_class is OutcomeClass.DONE
                return
            spread.settle_holder(wanted.call.key, worker)
            line += spread.take(wanted.call.key, value)
        raise AssertionError("the spread stopped without delivering")

    def close(self) -> None:
        for actor in self.actors.values():
            actor.renderer.close()


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    made = Crew(tmp_path / "scratch", ("one", "two", "three"))
    yield made
    made.close()


def claim_of(task: RenderTask, place: Path) -> Claim:
    return Claim(
        job_id="job", task=task.model_copy(update={"target": str(place / "out.png")}), attempt=1, epoch=1
    )


def test_three_workers_make_what_one_makes(folder: Path, crew: Crew, tmp_path: Path) -> None:
    task = task_of(folder, steps=4)
    claim = claim_of(task, tmp_path)
    crew.run(crew.spread(claim))
    got = np.asarray(Image.open(claim.temporary)).astype(int)
    assert np.abs(got - alone(folder, task, tmp_path)).max() <= 1


def test_a_lost_worker_costs_the_steps_since_the_checkpoint(folder: Path, crew: Crew, tmp_path: Path) -> None:
    task = task_of(folder, steps=5)
    claim = claim_of(task, tmp_path)
    spread, died = crew.spread(claim), []

    def dies(wanted: PendingCall) -> str:
        command = wanted.call.args[-1]
        step = spread.position.step if spread.position else 0
        if not died and wanted.worker == "two" and step == 3 and command.verb is Command.RUN:
            died.append("two")
            return "two"
        return ""

    crew.run(spread, dies=dies)
    assert died
    got = np.asarray(Image.open(claim.temporary)).astype(int)
    assert np.abs(got - alone(folder, task, tmp_path)).max() <= 1


@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_actor_does_not_show_in_the_picture(
    embedded_ray: object, folder: Path, tmp_path: Path
) -> None:
    settings = ClusterSettings(workers=2, home=tmp_path / "home", scratch=tmp_path / "scratch")
    settings.scratch.mkdir(parents=True)
    factory = actor_factory(settings, settings.scratch, ())
    killed: list[int] = []
    with Pool(factory, 2, call_timeout_s=120) as pool:
        pool.warm_up(120)

        def hunt() -> None:
            time.sleep(3)
            pids = [worker.pid for worker in pool.workers() if worker.pid and worker.in_flight]
            if pids:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

        hunter = threading.Thread(target=hunt)
        hunter.start()
        store, publisher = JobStore(tmp_path / "jobs.sqlite"), LocalPublisher()
        styles = InstalledStyles(Library(()))
        manager = JobManager(store, PoolRunner(pool, discard=publisher.discard), publisher, styles)
        job = manager.submit(parse_spec(spec_of(folder, steps=40), origin="test"), base=folder)
        assert manager.run_until_done(job.job_id) is JobState.COMPLETED
        hunter.join()
    (item,) = store.items.all(job.job_id)
    got = np.asarray(Image.open(item.target)).astype(int)
    assert np.abs(got - alone(folder, task_of(folder, steps=40), tmp_path)).max() <= 1
    assert killed
