"""`audit`: what must hold of a job's records and files at any time, and a sentence for all that does not."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from giornata.jobs.maintenance.orphans import Owner, TempFiles, pictures_of_nobody
from giornata.jobs.maintenance.verify import FileState, examine
from giornata.jobs.model.paths import is_inside, is_url
from giornata.jobs.model.ports import JobSnapshot
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.storage.base import ObjectStore, Publisher
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.records import ItemRecord
from giornata.jobs.store.store import JobStore

_AT_WORK = (JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING)


def audit(
    store: JobStore, job_id: str, *, destination: Path | str, files: Publisher | None = None
) -> list[str]:
    """Sentences on what does not hold; none is good. Every delivered file is read. Raises `UnknownJob`.

    The counters are what counting gives; every done item has its file with the recorded size and sha256;
    no picture in `destination` is without a row, and no temporary file without an attempt; a job at rest
    has nothing leased; nothing was tried after it was delivered.
    """
    record = store.jobs.get(job_id)
    files = (files or LocalPublisher()).of(record.spec.storage)
    folder = str(destination) if is_url(str(destination)) else str(Path(destination).resolve())
    object_store = files.stores.at(folder, record.spec.storage)
    before = store.jobs.snapshot(job_id)
    counted: Counter[ItemState] = Counter()
    strays = set(pictures_of_nobody(store, folder, object_store=object_store))
    problems: list[str] = []
    for item in store.items.all(job_id):
        counted[item.state] += 1
        strays.discard(item.source)
        problems += _item_problems(store, files, item, folder)
    after = store.jobs.snapshot(job_id)
    problems += [f"{path} stands in the destination, and no job delivered it" for path in sorted(strays)]
    problems += _left_behind(store, folder, object_store)
    if before == after:  # a job that moves while it is looked at cannot be counted
        problems += _miscounts(after, counted)
        problems += _leases_at_rest(after, counted)
    return problems


def _item_problems(store: JobStore, files: Publisher, item: ItemRecord, destination: str) -> Iterator[str]:
    if item.state is not ItemState.DONE:
        return
    if not is_inside(item.target, destination):
        yield f"item {item.item_id} was delivered to {item.target}, outside of {destination}"
    verdict = examine(store, files, item)
    if verdict and verdict.finding is not FileState.INTACT:
        yield f"item {item.item_id} is done, but {item.target}: {verdict.words}"
    for attempt in store.items.attempts(item.job_id, item.item_id):
        late = item.finished_at is not None and attempt.at > item.finished_at
        if late or attempt.attempt >= item.attempt:
            yield (
                f"item {item.item_id} was delivered by attempt {item.attempt}, but attempt {attempt.attempt} "
                f"ended as {attempt.outcome_class} after that"
            )


def _miscounts(snapshot: JobSnapshot, counted: Counter[ItemState]) -> Iterator[str]:
    for state in ItemState:
        count = snapshot.counts.get(state, 0)
        if count != counted[state]:
            yield f"the counter of {state} items says {count}, counting gives {counted[state]}"


def _leases_at_rest(snapshot: JobSnapshot, counted: Counter[ItemState]) -> Iterator[str]:
    if snapshot.state not in _AT_WORK and counted[ItemState.LEASED]:
        yield f"the job is {snapshot.state}, but {counted[ItemState.LEASED]} of its items are leased"


def _left_behind(store: JobStore, destination: str, object_store: ObjectStore) -> Iterator[str]:
    temporaries = TempFiles(store).below(destination, object_store=object_store)
    for temporary in sorted(temporaries, key=lambda file: file.name):
        if temporary.holder is not Owner.ATTEMPT:
            yield f"{temporary.name} was left behind"
