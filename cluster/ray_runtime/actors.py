"""The edge to Ray for one actor: starting, calling, waiting, killing, and one translation of Ray's errors."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

# Ray is imported inside these functions only: it reads its environment when it is imported (see runtime.py).

CONTROL = "control"
CORE = ("raylet", "gcs_server")


class OutcomeKind(StrEnum):
    """How a call ended, as far as the pool is concerned."""

    OK = "ok"
    FAILED = "failed"
    WORKER_LOST = "worker_lost"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Answer:
    """The answer to one call; `error` is the method's own exception, or Ray's when the actor is lost."""

    kind: OutcomeKind
    value: Any = None
    error: Exception | None = None
    traceback: str = ""


@dataclass(frozen=True)
class Whereabouts:
    """The process and the node of an actor."""

    pid: int
    node_id: str


class StartActor(Protocol):
    """The factory of a pool's workers; the real one is `ActorFactory`."""

    @property
    def prefix(self) -> str:
        """The beginning of the workers' names."""

    def __call__(self, name: str) -> Any:
        """A new actor's handle; returns before the actor is up."""


@dataclass(frozen=True)
class ActorFactory:
    """Starts actors of one class that Ray never restarts and never retries: the pool does, and counts.

    `num_cpus` has no default, because Ray's own changes with the other resources stated.
    """

    actor_class: type
    num_cpus: float
    prefix: str
    num_gpus: float = 0.0
    args: tuple[Any, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str) -> Any:
        """Start one actor; `name` is what process lists and Ray's dashboard show."""
        import ray

        options: dict[str, Any] = {
            "name": name,
            "num_cpus": self.num_cpus,
            "num_gpus": self.num_gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            # Ray keeps a record of every call otherwise: 88 MB after 30,000.
            "enable_task_events": False,
        }
        if self.environment:
            options["runtime_env"] = {"env_vars": self.environment}
        # Control calls run beside the work, so that a busy actor can be asked and told.
        remote = ray.remote(concurrency_groups={CONTROL: 1})(self.actor_class)
        return remote.options(**options).remote(*self.args)


def locate(_actor: object) -> Whereabouts:
    """Runs inside an actor, as the first sign of life and as the probe of a quiet one."""
    import ray

    return Whereabouts(os.getpid(), ray.get_runtime_context().get_node_id())


def probe(handle: Any) -> Any:
    """Ask an actor where it is; returns a reference to its `Whereabouts`."""
    return handle.__ray_call__.remote(locate)


def call(handle: Any, method: str, args: tuple[Any, ...]) -> Any:
    """Send one method call; returns the reference to its value."""
    return getattr(handle, method).remote(*args)


def control(handle: Any, method: str, args: tuple[Any, ...]) -> Any:
    """Send a call that does not wait behind the work; returns the reference to its value."""
    return getattr(handle, method).options(concurrency_group=CONTROL).remote(*args)


def dead_nodes() -> frozenset[str]:
    """Ids of the nodes that the cluster has given up; empty when Ray does not tell them."""
    import ray

    try:
        return frozenset(node["NodeID"] for node in ray.nodes() if not node["Alive"])
    except Exception:
        return frozenset()


def head_address() -> str | None:
    """The address of the head of the connected cluster; None when Ray does not tell it."""
    import ray

    return ray.get_runtime_context().gcs_address or None


def dashboard_url() -> str:
    """The URL of Ray's own dashboard, with its token; empty where there is none."""
    from ray._private import worker

    node = worker._global_node
    address = getattr(node, "webui_url", None) if node is not None else None
    return f"http://{address}" if address else ""


def core_has_died() -> bool:
    """Whether one of Ray's own processes that this process started has ended. Never waits on Ray."""
    from ray._private import worker

    node = worker._global_node  # Ray has no public word for this
    # A cluster that we merely joined has no processes of ours.
    return node is not None and any(kind in CORE for kind, _ in node.dead_processes())


def wait(references: Sequence[Any], *, timeout_s: float) -> set[Any]:
    """Those of `references` that are settled; waits up to `timeout_s` for the first."""
    import ray

    if not references:
        return set()
    ray.wait(list(references), num_returns=1, timeout=timeout_s)
    ready, _ = ray.wait(list(references), num_returns=len(references), timeout=0)
    return set(ready)


def fetch(reference: Any) -> Answer:
    """The answer behind a settled reference; never raises for what happened to the call."""
    import ray

    try:
        return Answer(OutcomeKind.OK, value=ray.get(reference))
    except Exception as error:
        return translate(error)


def translate(error: Exception) -> Answer:
    """Tell an error of the method, unwrapped to its own class, from the loss of the actor or its node."""
    from ray import exceptions

    lost = (
        exceptions.RayActorError,
        exceptions.OutOfMemoryError,
        exceptions.WorkerCrashedError,
        exceptions.ObjectLostError,
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.ActorUnschedulableError,
        exceptions.RuntimeEnvSetupError,
    )
    # First, because such an error is an instance of its cause's class as well, which may be one of the lost.
    if isinstance(error, exceptions.RayTaskError):
        cause = error.cause if isinstance(error.cause, Exception) else error
        return Answer(OutcomeKind.FAILED, error=cause, traceback=str(error))
    return Answer(OutcomeKind.WORKER_LOST if isinstance(error, lost) else OutcomeKind.FAILED, error=error)


def kill(handle: Any) -> None:
    """End an actor now, whatever it does; a stopped process takes Ray about five seconds."""
    import ray

    ray.kill(handle, no_restart=True)
