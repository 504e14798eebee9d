"""`MeasuredActor`: a render actor that tells Ray's metrics how long its calls take and what they need.

Ray serves these beside its own, as `ray_giornata_…`; none is about a single picture.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from giornata.cluster.execution.distributed_render import Spreading
from giornata.cluster.execution.render_actor import RenderActor
from giornata.jobs.model.attempt import Claim, Outcome
from giornata.workers.settings import RenderSettings

STAGE_SECONDS = "giornata_stage_seconds"
ENDED = "giornata_worker_attempts"
DEVICE_BYTES = "giornata_device_memory_peak_bytes"
NAMES = (STAGE_SECONDS, ENDED, DEVICE_BYTES)  # Ray puts `ray_` before them
BOUNDARIES_S = [0.1, 0.3, 1, 3, 10, 30, 60, 180, 600]


class MeasuredActor(RenderActor):
    """See `RenderActor`; stages are `whole`, and of a spread picture `statistics` and `paint`."""

    def __init__(self, settings: RenderSettings, threads: int, spread: bool) -> None:
        # Ray reads its environment when it is imported; inside an actor it is there already.
        import ray
        from ray.util.metrics import Counter, Gauge, Histogram

        worker = ray.get_runtime_context().get_actor_name() or ""
        super().__init__(settings.model_copy(update={"worker": worker}), threads, spread)

        self._stages: Any = Histogram(
            STAGE_SECONDS, "Seconds of one call, by stage.", boundaries=BOUNDARIES_S, tag_keys=("stage",)
        )
        self._ended: Any = Counter(ENDED, "Attempts that this worker ended.", tag_keys=("outcome",))
        self._bytes: Any = Gauge(DEVICE_BYTES, "The most that torch held on the device.")

    def render(self, claim: Claim) -> Outcome | Spreading:
        """See `RenderActor.render`."""
        with self._measured("whole"):
            return self._told(super().render(claim))

    def partials(self, *args: Any, **more: Any) -> Any:
        """See `RenderActor.partials`."""
        with self._measured("statistics"):
            return super().partials(*args, **more)

    def paint(self, *args: Any, **more: Any) -> Any:
        """See `RenderActor.paint`."""
        with self._measured("paint"):
            return super().paint(*args, **more)

    @contextmanager
    def _measured(self, stage: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self._stages.observe(time.monotonic() - begun, tags={"stage": stage})
            if torch.cuda.is_available():
                self._bytes.set(torch.cuda.max_memory_allocated())

    def _told(self, answer: Outcome | Spreading) -> Outcome | Spreading:
        if isinstance(answer, Outcome):
            self._ended.inc(tags={"outcome": str(answer.outcome_class)})
        return answer
