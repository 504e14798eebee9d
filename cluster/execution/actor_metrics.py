"""How long the calls of a render actor take and how they end, as series that Ray serves beside its own.

They are called `ray_giornata_…`; none is about a single picture.
"""

import functools
import sys
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from giornata.jobs.model.attempt import OutcomeClass

STAGE_SECONDS = "giornata_stage_seconds"
ENDED = "giornata_worker_attempts"
DEVICE_BYTES = "giornata_device_memory_peak_bytes"
NAMES = (STAGE_SECONDS, ENDED, DEVICE_BYTES)  # Ray puts `ray_` before them
BOUNDARIES_S = [0.1, 0.3, 1, 3, 10, 30, 60, 180, 600]

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class ActorMetrics(Protocol):
    """A sink for an actor's numbers; `worker` is the actor's name, empty outside of one."""

    worker: str

    def observe(self, stage: str, seconds: float) -> None:
        """One call has ended."""

    def count(self, outcome: OutcomeClass) -> None:
        """One attempt has ended."""


class NoMetrics:
    """`ActorMetrics` of a process that is no actor."""

    worker = ""

    def observe(self, stage: str, seconds: float) -> None:
        """See `ActorMetrics.observe`: keeps nothing."""

    def count(self, outcome: OutcomeClass) -> None:
        """See `ActorMetrics.count`: keeps nothing."""


class RayMetrics:
    """`ActorMetrics` as series of Ray; stages are `whole`, or those of a spread picture."""

    def __init__(self, worker: str) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        self.worker = worker
        self._stages: Any = Histogram(
            STAGE_SECONDS, "Seconds of one call, by stage.", boundaries=BOUNDARIES_S, tag_keys=("stage",)
        )
        self._ended: Any = Counter(ENDED, "Attempts that this worker ended.", tag_keys=("outcome",))
        self._bytes: Any = Gauge(DEVICE_BYTES, "The most that torch held on the device.")

    def observe(self, stage: str, seconds: float) -> None:
        """See `ActorMetrics.observe`."""
        import torch

        self._stages.observe(seconds, tags={"stage": stage})
        if torch.cuda.is_available():
            self._bytes.set(torch.cuda.max_memory_allocated())

    def count(self, outcome: OutcomeClass) -> None:
        """See `ActorMetrics.count`."""
        self._ended.inc(tags={"outcome": str(outcome)})


def metrics_here() -> ActorMetrics:
    """The metrics of the actor that this process is; elsewhere those that keep nothing.

    Ray reads its environment when it is imported, so nobody imports it here; in an actor it is there already.
    """
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized() or not ray.get_runtime_context().get_actor_id():
        return NoMetrics()
    return RayMetrics(ray.get_runtime_context().get_actor_name() or "")


def measured(
    stage: str,
) -> Callable[
    [Callable[Concatenate[Any, Parameters], Returned]], Callable[Concatenate[Any, Parameters], Returned]
]:
    """Have an actor's `metrics` observe the seconds of a method's calls as `stage`, however they end."""

    def decorate(
        method: Callable[Concatenate[Any, Parameters], Returned],
    ) -> Callable[Concatenate[Any, Parameters], Returned]:
        @functools.wraps(method)
        def call(actor: Any, /, *args: Parameters.args, **named: Parameters.kwargs) -> Returned:
            begun = time.monotonic()
            try:
                return method(actor, *args, **named)
            finally:
                actor.metrics.observe(stage, time.monotonic() - begun)

        return call

    return decorate
