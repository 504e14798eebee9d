"""A batch on real render actors: small pictures whole, a large one spread, and workers that are killed."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.runner import PoolRunner
from giornata.cluster.execution.worker import Call
from giornata.jobs.manager.worker_health import place_of
from giornata.jobs.model.attempt import Claim, OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.styles.library import Library
from tests.cluster.execution.shops import Shop, save_picture

pytestmark = pytest.mark.ray
torch.set_num_threads(1)


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
