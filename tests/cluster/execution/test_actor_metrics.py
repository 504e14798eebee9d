"""What render actors measure is served by Ray beside its own series."""

import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from giornata.cluster.execution.actor_metrics import ENDED, STAGE_SECONDS
from giornata.cluster.execution.render_actor import RenderActor
from giornata.cluster.ray_runtime.actors import ActorFactory
from giornata.cluster.ray_runtime.runtime import Runtime
from giornata.jobs.model.attempt import Claim, OutcomeClass
from giornata.workers.settings import RenderSettings
from tests.support.batches import wave_of

PATIENCE_S = 60.0  # Ray's agent collects every ten seconds
SERIES = {f"ray_{STAGE_SECONDS}_count": 'stage="whole"', f"ray_{ENDED}_total": 'outcome="done"'}


def counted(series: dict[str, str]) -> list[float]:
    """What Ray serves now of `series` (name and label): its agent adds up all actors, ended ones too."""
    import ray

    (port,) = {node["MetricsExportPort"] for node in ray.nodes() if node["Alive"]}
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return [
        sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{") and label in line)
        for name, label in series.items()
    ]


@pytest.mark.ray
@pytest.mark.slow
def test_the_series_of_a_render_actor_are_served_by_ray(embedded_ray: Runtime, tmp_path: Path) -> None:
    import ray

    source, target = tmp_path / "a.png", tmp_path / "out.png"
    Image.new("RGB", (64, 48), (200, 90, 30)).save(source)
    task = wave_of(source, target)
    claim = Claim(job_id="job", task=task, attempt=1, epoch=1)
    args = (RenderSettings(scratch=tmp_path / "scratch"), 1, False)
    actor = ActorFactory(RenderActor, num_cpus=1, prefix="seen", args=args)("seen-0")
    before = counted(SERIES)
    assert ray.get(actor.render.remote(claim)).outcome_class is OutcomeClass.DONE
    until = time.monotonic() + PATIENCE_S
    while (now := counted(SERIES))[0] <= before[0] or now[1] <= before[1]:
        assert time.monotonic() < until, (before, now)
        time.sleep(1)
    ray.kill(actor)
