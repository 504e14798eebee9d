"""Drain, block and unblock workers, and the list of workers with what keeps work from them."""

from collections.abc import Collection

from giornata.cluster.errors import UnknownWorker
from giornata.cluster.service import validation
from giornata.cluster.service.schemas.service import BlockView, WorkerList, WorkerView
from giornata.jobs.manager.worker_health import place_of
from giornata.jobs.store.records import BlockKind
from giornata.jobs.store.store import JobStore


def list_workers(store: JobStore) -> WorkerList:
    """The workers there are, and blocks of workers that are not there now."""
    blocks = [BlockView.model_validate(block) for block in store.workers.blocks()]
    views = tuple(_worker_view(record, blocks) for record in store.workers.all())
    seen = {place_of(view.worker) for view in views}
    return WorkerList(workers=views, absent=tuple(block for block in blocks if block.worker not in seen))


def hold(store: JobStore, worker: str, kind: BlockKind, *, reason: str, actor: str) -> WorkerList:
    """Keep work from a worker. Raises `UnknownWorker`, `InvalidParameter`."""
    _check(store, validation.name_of("worker", worker))
    text = validation.words_of("reason", reason) or f"asked for by {actor}"
    store.workers.block(place_of(worker), kind, reason=text, by=actor)
    return list_workers(store)


def release(store: JobStore, worker: str, *, actor: str) -> WorkerList:
    """Give a worker work again. Raises `UnknownWorker`, `InvalidParameter`."""
    place = place_of(validation.name_of("worker", worker))
    if not store.workers.unblock(place, by=actor):
        _check(store, worker)
    return list_workers(store)


def _check(store: JobStore, worker: str) -> None:
    worker_ids = [record.worker for record in store.workers.all()]
    if place_of(worker) not in map(place_of, worker_ids):
        raise UnknownWorker(worker, worker_ids)


def _worker_view(record: object, blocks: Collection[BlockView]) -> WorkerView:
    view = WorkerView.model_validate(record)
    worker_blocks = tuple(block for block in blocks if block.worker == place_of(view.worker))
    return view.model_copy(update={"blocks": worker_blocks})
