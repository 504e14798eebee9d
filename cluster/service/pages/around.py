"""`Around`: what the dashboard says of the service that no job knows: what it runs on, and its neighbours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from giornata.styles.library import Library


@dataclass(frozen=True)
class Around:
    """`home` is where previews are kept, `scratch` where pictures are painted, `library` what may be tried.

    The addresses are those of Ray's own dashboard and of Grafana.
    """

    home: Path | None = None
    scratch: Path | None = None
    library: Library | None = None
    threads_per_worker: int = 1
    gpus_per_worker: float = 0.0
    ray_url: Callable[[], str] = lambda: ""
    grafana_url: str = ""

    @property
    def unit(self) -> str:
        """What an hour of a worker is an hour of."""
        return "GPU" if self.gpus_per_worker else "CPU"

    def hours(self, busy_s: float) -> float:
        """Hours of CPU cores or of GPUs in this many seconds of workers."""
        return busy_s * (self.gpus_per_worker or self.threads_per_worker) / 3600
