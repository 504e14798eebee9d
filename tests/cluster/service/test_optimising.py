"""An optimisation at work is told on the streams, shown as it grows, and drawn in the report."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from giornata.cluster.dashboard.app_services import PageContext
from giornata.cluster.reporting.html import render_report
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.client import Client
from giornata.jobs.model.attempt import Claim
from giornata.jobs.model.task import RenderTask
from giornata.jobs.model.task_style import TaskOptimise
from giornata.jobs.spec.enums import EngineKind
from giornata.jobs.spec.style import OptimizationSpec, StyleImage
from giornata.styles.perception.encoder import random_weights
from giornata.styles.perception.vgg import VGG19
from giornata.workers.optimization.loss_history import history_at, history_from
from giornata.workers.rendering import outcomes as report
from giornata.workers.rendering.prepared import RenderResult
from giornata.workers.rendering.renderer import Renderer
from giornata.workers.settings import RenderSettings
from tests.cluster.service.routes.test_streams import listening
from tests.support.batches import settle, take_claims
from tests.support.services import Place, serving

torch.set_num_threads(1)
STEPS = 8
LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0}


@pytest.fixture
def claim(place: Place) -> Claim:
    """Of a picture in line, which is now to be optimised by two scales."""
    weights = {key: value for key, value in random_weights(VGG19, seed=5).items() if key[4:7] <= "2_1"}
    save_file(weights, place.root / "vgg.safetensors")
    Image.fromarray(data.chelsea()).resize((97, 75)).save(place.root / "scans" / "c.png")
    Image.fromarray(data.coffee()).resize((96, 96)).save(place.root / "coffee.png")
    found = {Path(one.task.source).name: one for one in take_claims(place.store, place.listed())}
    return found["c.png"]


def optimised(place: Place, task: RenderTask) -> RenderTask:
    told = {"style_layers": LAYERS, "content_layers": {"relu2_1": 1.0}, "optimiser": "adam"}
    optimise = TaskOptimise(
        images=(StyleImage(path=str(place.root / "coffee.png")),),
        encoder=str(place.root / "vgg.safetensors"),
        steps=STEPS,
        choice=OptimizationSpec.model_validate(told),
    )
    return task.model_copy(
        update={"engine": EngineKind.OPTIMIZATION, "mix": {}, "optimise": optimise, "tile_px": 64}
    )


@pytest.fixture
def at_work(place: Place, claim: Claim) -> Iterator[tuple[threading.Event, list[RenderResult]]]:
    """A renderer in a thread, which waits at step 5 until it is told to go on."""
    scratch, go_on, made = place.root / "scratch", threading.Event(), list[RenderResult]()

    def work() -> None:
        torch.set_num_threads(1)
        renderer = Renderer(RenderSettings(scratch=scratch, pictures=scratch / "pictures"))
        renderer.context.watch = lambda at: None if at.step < 5 else (go_on.wait(30), None)[1]
        try:
            made.append(renderer.render(optimised(place, claim.task), Path(claim.temporary)))
        finally:
            renderer.close()

    Path(claim.temporary).parent.mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(target=work)
    thread.start()
    yield go_on, made
    go_on.set()
    thread.join()


def wait_for_work(scratch: Path, item_id: str) -> None:
    until = time.monotonic() + 60
    while history_at(scratch, item_id) is None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_streams_pages_and_report_tell_how_far_it_is(
    place: Place, claim: Claim, at_work: tuple[threading.Event, list[RenderResult]]
) -> None:
    go_on, made = at_work
    scratch, item = place.root / "scratch", claim.task.item_id
    broadcaster = EventBroadcaster(place.job_service, scratch=scratch, period_s=0.05)
    with serving(
        place.job_service, broadcaster=broadcaster, page_context=PageContext(scratch=scratch)
    ) as url:
        with listening(f"{url}/api/jobs/{claim.job_id}/stream") as told:
            fields = next(data for _, kind, data in told if kind == "optimising")
        assert (fields["job_id"], fields["item_id"], fields["scales"]) == (claim.job_id, item, 1)
        assert (fields["width"], fields["height"], fields["steps"]) == (97, 75, STEPS)
        loss = fields["loss"]
        assert isinstance(loss, dict)
        assert loss["total"] == pytest.approx(loss["content"] + 50 * loss["style"], rel=1e-3)
        shown = httpx.get(f"{url}{fields['preview']}")
        assert Image.open(io.BytesIO(shown.content)).size == (97, 75)
        curve = httpx.get(f"{url}{fields['curve']}")
        assert curve.headers["content-type"] == "image/svg+xml"
        assert httpx.get(f"{url}/optimising/{claim.job_id}/{item}").json()["item_id"] == item
        assert f"of {STEPS}" in render_report(place.store, claim.job_id, scratch=scratch)
        with Client(url) as client:  # who follows a job is not disturbed
            assert next(client.follow(claim.job_id)).job_id == claim.job_id
        go_on.set()
        until = time.monotonic() + 60
        while not made:
            assert time.monotonic() < until
            time.sleep(0.02)
        settle(place.store, [claim], lambda one: report.delivered(one, made[0], seconds=1.0))
        assert history_at(scratch, item) is None
        assert httpx.get(f"{url}/optimising/{claim.job_id}/{item}").json() is None
        later = httpx.get(f"{url}{fields['curve']}")
        assert later.text.count("<path") >= 4
    page = render_report(place.store, claim.job_id)
    assert f"{STEPS} steps" in page
    assert page.count("<svg") == 1
    course = history_from(place.store.items.get(claim.job_id, item).facts)
    assert course is not None
    assert course.now.at[-1] == STEPS
    assert course.now.total[-1] < course.now.total[0]
