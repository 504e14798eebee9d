"""The composition root of a batch: Ray, a pool of render actors, the store, the manager; ended in order."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from giornata.cluster.errors import StoreInUse
from giornata.cluster.execution.connection import WatchedCluster
from giornata.cluster.execution.render_actor import RenderActor
from giornata.cluster.execution.resilient_runner import ResilientRunner
from giornata.cluster.ray_runtime.actors import ActorFactory
from giornata.cluster.ray_runtime.runtime import StdoutGuard
from giornata.cluster.settings import STORE_NAME, WORKER_BYTES, ClusterSettings
from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.maintenance.gc import FETCHED, PICTURES, WorkDirCleaner, is_in_use
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.ports import Both, Progress, Silent
from giornata.jobs.planning.style_resolver import StyleCatalog
from giornata.jobs.storage.base import Publisher
from giornata.jobs.store.store import JobStore
from giornata.jobs.store.transitions import MANAGER
from giornata.process import is_process_alive
from giornata.workers.settings import RenderSettings
from giornata.workers.storage.publisher import new_publisher

FEATURES_SHARE = 0.6  # of a worker's memory; torch and the pixels take the rest
# Threads that wait for each other must not spin where others need the core.
WORKER_ENVIRONMENT = {"VIPS_CONCURRENCY": "1", "OMP_WAIT_POLICY": "passive"}
# glibc returns every large tensor to the system and faults it in again: a tenth of the time on a CPU.
ROOMY_HEAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1073741824"}
# Where memory is short: a heap that keeps all that is freed grows by half over a large image. Maps of whole
# tiles go back at once; those of blocks, which come and go by the thousand, do not.
SHORT_HEAP = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "67108864",
    "MALLOC_ARENA_MAX": "2",
}


@dataclass(frozen=True)
class Session:
    """A running batch system; `out` is the standard output that Ray cannot write to."""

    manager: JobManager
    store: JobStore
    publisher: Publisher
    runner: ResilientRunner
    out: TextIO


@contextmanager
def batch_session(
    settings: ClusterSettings,
    *,
    styles: StyleCatalog,
    library_folders: tuple[Path, ...] = (),
    listener: Progress | None = None,
) -> Iterator[Session]:
    """A running session of one batch: the store in `home`, shared with other batches but not with a service.

    Raises `ClusterError`, `StoreUnavailable`.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with JobStore(settings.home / STORE_NAME) as store:
        lock = store.manager_lock()
        if not lock.acquire(exclusive=False):
            raise StoreInUse(store.name, lock.holder())
        try:
            with managing(
                store, settings, styles=styles, library_folders=library_folders, listener=listener
            ) as session:
                yield session
        finally:
            lock.release()


@contextmanager
def managing(
    store: JobStore,
    settings: ClusterSettings,
    *,
    styles: StyleCatalog,
    library_folders: tuple[Path, ...] = (),
    listener: Progress | None = None,
) -> Iterator[Session]:
    """A manager on a store that the caller has locked, with Ray and its workers up.

    Raises `ClusterError`, `StoreUnavailable` when the store is damaged.
    """
    publisher = new_publisher(store.deliveries.put_at)
    store.check()
    with session_scratch(settings.scratch) as scratch, StdoutGuard() as guard:
        cluster = WatchedCluster(settings, actor_factory(settings, scratch, library_folders))
        runner = ResilientRunner(cluster, discard=publisher.discard, note=_noting(store))
        try:
            runner.warm_up(settings.start_timeout_s)
            progress = Both(listener or Silent(), WorkDirCleaner(store, settings.scratch))
            manager = JobManager(store, runner, publisher, styles, listener=progress)
            yield Session(manager, store, publisher, runner, guard.stream)
        finally:
            runner.close()
    clear_fetched(settings.scratch)


def clear_fetched(scratch: Path) -> None:
    """Remove copies of objects, unless another session or the work on a large image may need them."""
    works = scratch / PICTURES
    waiting = works.is_dir() and any(folder.is_dir() for folder in works.iterdir())
    if not waiting and not is_in_use(scratch, is_process_alive):
        shutil.rmtree(scratch / FETCHED, ignore_errors=True)


def _noting(store: JobStore) -> Callable[[str, str], None]:
    def note(kind: str, detail: str) -> None:
        with suppress(StoreUnavailable):  # the cluster may go down together with the database's host
            store.events.append(kind, actor=MANAGER, detail=detail)

    return note


def actor_factory(
    settings: ClusterSettings, scratch: Path, library_folders: tuple[Path, ...]
) -> ActorFactory:
    """Starts render actors; an image is spread over them where they share the scratch (one host)."""
    is_local = settings.address is None  # workers of one host share its scratch
    spread = is_local and settings.workers > 1
    render = RenderSettings(
        scratch=scratch,
        pictures=pictures_folder(settings) if is_local else None,
        owner_pid=os.getpid(),
        sharers=settings.workers if spread else 1,
        style_folders=library_folders,
        memory_bytes=int(settings.worker_bytes * FEATURES_SHARE),
    )
    return ActorFactory(
        RenderActor,
        num_cpus=settings.threads_per_worker,
        num_gpus=settings.gpus_per_worker,
        prefix="render",
        args=(render, settings.threads_per_worker, spread),
        environment=worker_environment(settings),
    )


def worker_environment(settings: ClusterSettings) -> dict[str, str]:
    """Variables of a worker's process: how it takes and gives back memory, and how its threads wait."""
    heap = ROOMY_HEAP if settings.worker_bytes >= WORKER_BYTES else SHORT_HEAP
    return {**WORKER_ENVIRONMENT, **heap}


def pictures_folder(settings: ClusterSettings) -> Path:
    """The folder of work on large images, which outlasts the scratch folders of processes."""
    return settings.scratch / PICTURES


@contextmanager
def session_scratch(root: Path) -> Iterator[Path]:
    """A scratch folder of this process, gone afterwards; clears those of processes that were killed."""
    root.mkdir(parents=True, exist_ok=True)
    for old in root.glob("session-*"):
        pid = old.name.split("-")[1]
        if not (pid.isdecimal() and is_process_alive(int(pid))):
            shutil.rmtree(old, ignore_errors=True)
    scratch = root / f"session-{os.getpid()}-{secrets.token_hex(4)}"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
