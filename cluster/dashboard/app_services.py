"""`AppServices`: what the routes of one app work with, and the FastAPI dependency on it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from giornata.cluster.dashboard.previews import Previews
from giornata.cluster.dashboard.style_trials import StyleTrials
from giornata.cluster.service.auth import Access
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.metrics import Metrics
from giornata.cluster.service.rates import RateLimit
from giornata.styles.library import Library
from giornata.workers.storage.router import StorageRouter


@dataclass(frozen=True)
class PageContext:
    """`home` is where previews are kept, `scratch` where images are painted, `library` what may be tried.

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
        """The unit of a worker's hours: GPU or CPU."""
        return "GPU" if self.gpus_per_worker else "CPU"

    def hours(self, busy_s: float) -> float:
        """Hours of CPU cores or of GPUs in this many seconds of workers."""
        return busy_s * (self.gpus_per_worker or self.threads_per_worker) / 3600


@dataclass(frozen=True)
class AppServices:
    """Made once per app; `previews` is None without a home folder, `style_trials` also without a library."""

    job_service: JobService
    access: Access
    broadcaster: EventBroadcaster
    metrics: Metrics
    page_context: PageContext
    stores: StorageRouter
    previews: Previews | None
    style_trials: StyleTrials | None
    uploads: RateLimit
    sign_ins: RateLimit

    def close(self) -> None:
        """End the threads and child processes that make previews and trials."""
        for maker in (self.previews, self.style_trials):
            if maker is not None:
                maker.close()


def app_services(request: Request) -> AppServices:
    """The services of the app that a request came to."""
    services: AppServices = request.app.state.services
    return services


ServicesDep = Annotated[AppServices, Depends(app_services)]
