"""`giornata up`: the service: HTTP in a thread, the manager's loop in this one, webhooks in another."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TextIO

import typer

from giornata.cluster.app import create_app
from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.batch.run import StopFlag
from giornata.cluster.batch.session import managing
from giornata.cluster.cli.options import HOST, PORT, MemoryLimit, TokenFile, command_app
from giornata.cluster.dashboard.app_services import PageContext
from giornata.cluster.ray_runtime import actors
from giornata.cluster.service.auth import Access, choose_access
from giornata.cluster.service.leader import LeaderElection, Manifests
from giornata.cluster.service.local import database_location, job_service_on
from giornata.cluster.service.metrics import Metrics
from giornata.cluster.service.server import Server
from giornata.cluster.service.webhooks import ALLOW_VARIABLE, SECRET_VARIABLE, Outbox, TargetRule
from giornata.cluster.settings import ClusterSettings, Machine, settings_for
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.ports import Both
from giornata.jobs.store.store import JobStore
from giornata.workers.storage.publisher import new_publisher

app = command_app()
RAY_URL_VARIABLE, GRAFANA_URL_VARIABLE = "GIORNATA_RAY_URL", "GIORNATA_GRAFANA_URL"


@app.command()
def up(
    host: Annotated[str, typer.Option(help="anything but loopback needs a token")] = HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = PORT,
    database: Annotated[str | None, typer.Option(help="a file, or postgresql+psycopg://…")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="one a core or GPU if left out")] = None,
    address: Annotated[str | None, typer.Option(help="a Ray cluster; an embedded one if left out")] = None,
    memory: MemoryLimit = None,
    token_file: TokenFile = None,
    ray_dashboard: Annotated[bool, typer.Option(help="Ray's own dashboard, on this machine only")] = False,
    allow_host: Annotated[list[str] | None, typer.Option(help="a name it is asked by, beside HOST")] = None,
    webhook_allow: Annotated[
        list[str] | None, typer.Option(help="a private host or network that webhooks may go to")
    ] = None,
) -> None:
    """Run the service until Ctrl-C; another one on the same store stands by and takes over."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    access = choose_access(host, token_file=token_file, allow_hosts=allow_host or ())
    rule = TargetRule.allowing([*(webhook_allow or ()), *os.environ.get(ALLOW_VARIABLE, "").split(",")])
    settings = settings_for(
        Machine.detect(), workers=workers, memory_bytes=memory, address=address, dashboard=ray_dashboard
    )
    settings.home.mkdir(parents=True, exist_ok=True)
    with JobStore(database_location(settings.home, database)) as store:
        serve(store, settings, access=access, rule=rule, host=host, port=port)


def serve(
    store: JobStore, settings: ClusterSettings, *, access: Access, rule: TargetRule, host: str, port: int
) -> None:
    """Serve a store until a signal. Raises `UnsafeService`, `ClusterError`, `StoreUnavailable`."""
    stop, metrics, links = StopFlag(), Metrics(), Links()
    out = sys.stderr  # the session takes standard output away from everyone while Ray is up
    election = LeaderElection(
        store.manager_lock(),
        lambda: managed(store, settings, stop, rule=rule, metrics=metrics, links=links),
        announce=lambda role, message: say(out, message),
    )
    job_service = job_service_on(store, role=election.role, scratch=settings.scratch)
    web = create_app(job_service, access=access, page_context=page_context(settings, links), metrics=metrics)
    with stop.installed(), Server(web, host=host, port=port) as server:
        say(out, f"listening on {server.url}{'' if access.needs_token else ', for this machine only'}")
        election.run(stop)
    say(out, "stopped; nothing is lost")


@dataclass
class Links:
    """Addresses that are known once Ray is up."""

    ray_url: str = ""


def page_context(
    settings: ClusterSettings, links: Links, environment: Mapping[str, str] = os.environ
) -> PageContext:
    """The dashboard's page context: folders, library and links of this service."""
    return PageContext(
        home=settings.home,
        scratch=settings.scratch,
        library=user_library(),
        threads_per_worker=settings.threads_per_worker,
        gpus_per_worker=settings.gpus_per_worker,
        ray_url=lambda: environment.get(RAY_URL_VARIABLE, "") or links.ray_url,
        grafana_url=environment.get(GRAFANA_URL_VARIABLE, ""),
    )


@contextmanager
def managed(
    store: JobStore,
    settings: ClusterSettings,
    stop: StopFlag,
    *,
    rule: TargetRule,
    metrics: Metrics,
    links: Links,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[JobManager]:
    """The manager of a locked store, with Ray, manifests, webhooks and signal handlers."""
    outbox = Outbox(store, secret=environment.get(SECRET_VARIABLE, ""), rule=rule)
    with (
        Manifests(store, new_publisher(store.deliveries.put_at)) as manifests,
        managing(
            store,
            settings,
            styles=InstalledStyles(user_library()),
            library_folders=(settings.home / "styles",),
            listener=Both(manifests, metrics),
        ) as session,
        stop.installed(),  # again: Ray has put handlers of its own in their place
    ):
        links.ray_url = actors.dashboard_url()
        outbox.start()
        try:
            yield session.manager
        finally:
            links.ray_url = ""
            outbox.end()


def say(stream: TextIO, message: str) -> None:
    """Write one line for the person who started the service."""
    print(f"giornata: {message}", file=stream, flush=True)
