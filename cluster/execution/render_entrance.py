"""What Ray is given in place of `MeasuredActor`, so that only the actor's own process loads torch.

Torch's CUDA build takes 0.4 GB and two seconds of every process that imports it; a manager hands out work.
"""

from importlib import import_module
from typing import Any

from giornata.workers.settings import RenderSettings

BEHIND = ("giornata.cluster.execution.measured_actor", "MeasuredActor")


class RenderEntrance:
    """The methods of `RenderActor`, passed on one by one: Ray makes handles of what a class defines."""

    def __init__(self, settings: RenderSettings, threads: int, spread: bool) -> None:
        module, name = BEHIND
        self._actor: Any = getattr(import_module(module), name)(settings, threads, spread)

    def render(self, *args: Any) -> Any:
        """See `RenderActor.render`."""
        return self._actor.render(*args)

    def control(self, *args: Any) -> Any:
        """See `RenderActor.control`."""
        return self._actor.control(*args)

    def borrowed(self, *args: Any) -> Any:
        """See `RenderActor.borrowed`."""
        return self._actor.borrowed(*args)

    def partials(self, *args: Any) -> Any:
        """See `RenderActor.partials`."""
        return self._actor.partials(*args)

    def paint(self, *args: Any) -> Any:
        """See `RenderActor.paint`."""
        return self._actor.paint(*args)

    def deliver(self, *args: Any) -> Any:
        """See `RenderActor.deliver`."""
        return self._actor.deliver(*args)

    def optimise(self, *args: Any) -> Any:
        """See `RenderActor.optimise`."""
        return self._actor.optimise(*args)
