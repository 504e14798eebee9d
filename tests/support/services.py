"""A place to serve from: a real store, a real job service on it, and a real server in a thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from giornata.cluster.app import create_app
from giornata.cluster.dashboard.app_services import PageContext
from giornata.cluster.service.auth import Access
from giornata.cluster.service.broadcaster import EventBroadcaster
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.maintenance import maintenance_tools_in
from giornata.jobs.manager.listing import Lister
from giornata.jobs.planning.estimate import PlanReport, Size, plan
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.records import WorkerRecord
from giornata.jobs.store.store import JobStore
from tests.support.fakes import StyleNames

STYLES = StyleNames("wave", "udnie")


class Place:
    """A folder with pictures, a store beside it, and a job service on that store."""

    def __init__(self, root: Path, database: str = "") -> None:
        self.root = root
        (root / "scans").mkdir(parents=True)
        for name in ("a.jpg", "b.jpg", "c.png"):
            (root / "scans" / name).write_bytes(b"not looked at")
        self.store = JobStore(database or root / "home" / "jobs.sqlite")
        self.publisher = LocalPublisher()
        self.job_service = JobService(
            self.store,
            STYLES,
            self.publisher,
            maintenance_tools_in(
                root / "scratch", lambda store, job_id: f"<!doctype html><title>{job_id}</title>"
            ),
            self.store.jobs.create,
            self.plan,
        )

    def spec(self, **more: object) -> JobSpec:
        """The smallest spec and what is given."""
        smallest = {"name": "autumn", "inputs": "scans", "styles": ["wave"], "destination": "out"}
        return parse_spec({**smallest, **more}, origin="spec")

    def plan(self, spec: JobSpec, base: Path) -> PlanReport:
        """A plan of pictures that are all of one size."""
        return plan(spec, base=base, styles=STYLES, measure=lambda *_: Size(20, 10))

    def listed(self, **more: object) -> str:
        """A job whose items are in the store; its id."""
        job_id = self.job_service.submit(self.spec(**more), base=self.root).job.job_id
        Lister(self.store, self.publisher, STYLES).list_job(job_id)
        return job_id

    def put_worker(self, worker: str = "render-0.0") -> None:
        """One worker, as a manager writes it down."""
        self.store.workers.put([WorkerRecord(worker, "idle", "here", 1, "", "", 3, 0, time.time())])


@contextmanager
def serving(
    job_service: JobService,
    *,
    access: Access | None = None,
    broadcaster: EventBroadcaster | None = None,
    page_context: PageContext | None = None,
    body_bytes: int = 65536,
    port: int = 0,
) -> Iterator[str]:
    """The address of an HTTP server of `job_service`."""
    app = create_app(
        job_service,
        access=access or Access(),
        broadcaster=broadcaster,
        page_context=page_context,
        body_bytes=body_bytes,
    )
    config = uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
