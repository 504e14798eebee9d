"""Lists a job: expands its spec into items of the store in one pass that holds no list of them.

Items that were listed before are recognised in bulk; the jobs of a service are listed one after another on a
thread of their own, while those that are listed run.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from giornata.jobs.errors import (
    BadName,
    JobError,
    PlanRefused,
    StorageAccessDenied,
    StorageThrottled,
    StorageUnavailable,
    StoreUnavailable,
)
from giornata.jobs.model.attempt import one_line
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.states import ItemState, JobEvent, JobState
from giornata.jobs.model.task import RenderTask, is_outdated
from giornata.jobs.planning.conflicts import (
    PrefetchedTargets,
    TargetIndex,
    foreign_file,
    name_conflict,
    own_file,
)
from giornata.jobs.planning.style_resolver import StyleCatalog
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.planning.validate import SHOWN
from giornata.jobs.spec.enums import OnExisting, PictureFormat, StartWhen
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.storage.base import ObjectInfo, Publisher
from giornata.jobs.store.records import Delivery, JobRecord, NewItem
from giornata.jobs.store.store import BATCH, JobStore
from giornata.jobs.store.transitions import MANAGER

AT_ONCE = 500  # a query each takes as long as making the task

Keys = Callable[[Sequence[str]], Mapping[str, str]]


class KnownItems:
    """Passes tasks on in order; `keys` gives the content keys of those items that are known already.

    A caller that reads ahead may ask for tasks of the last `AT_ONCE` that were passed on, or more.
    """

    def __init__(self, tasks: Iterable[RenderTask], keys: Keys) -> None:
        self._tasks, self._keys = iter(tasks), keys
        self._before: Mapping[str, str] = {}
        self._now: Mapping[str, str] = {}

    def __iter__(self) -> Iterator[RenderTask]:
        while batch := list(islice(self._tasks, AT_ONCE)):
            self._before, self._now = self._now, self._keys([task.item_id for task in batch])
            yield from batch

    def key(self, item_id: str) -> str | None:
        """The content key of an item the job has; None when it is new."""
        return self._now.get(item_id) or self._before.get(item_id)


REJECTED = "rejected by checks: "  # how the reason of a job begins that never ran
_GIVEN_UP = (JobState.CANCELLED, JobState.CANCELLING, JobState.FAILED)


def never() -> bool:
    """The `stop` of a listing that goes on to its end."""
    return False


class Lister:
    """Lists jobs of one store. Problems refuse a job; one that starts at once keeps them as failed items."""

    def __init__(self, store: JobStore, publisher: Publisher, styles: StyleCatalog) -> None:
        self._store, self._publisher, self._styles = store, publisher, styles

    def list_job(self, job_id: str, *, stop: Callable[[], bool] = never) -> int:
        """Insert the items of a job's inputs and mark it listed; how many are new.

        Stopped half way, or cancelled, the job stays unlisted: listing again finds the same items. Raises
        `PlanRefused` after rejecting the job, and what `expand` raises.
        """
        record = self._store.jobs.get(job_id)
        publisher = self._publisher.of(record.spec.storage)
        lister = Lister(self._store, publisher, self._styles)
        with TargetIndex() as index:
            walk = _Walk(lister, record, index, stop)
            added = self._store.items.insert(job_id, walk.items())
        if walk.stopped:
            return added
        if walk.problems:
            raise PlanRefused(tuple(walk.problems[:SHOWN]), walk.problem_count)
        self._store.jobs.mark_listed(job_id)
        return added

    def tasks(self, record: JobRecord, on_problem: Callable[[JobError], None]) -> Iterator[RenderTask]:
        """The tasks of a job in order."""
        return expand(
            record.spec,
            base=record.base,
            styles=self._styles,
            on_problem=on_problem,
            stores=self._publisher.stores,
        )

    def ahead(self, tasks: Iterator[RenderTask]) -> PrefetchedTargets:
        """The same tasks, with the existing files at their targets."""
        return PrefetchedTargets(tasks, self._publisher)

    def is_given_up(self, job_id: str) -> bool:
        """Whether the job has ended while it was being listed."""
        return self._store.jobs.snapshot(job_id).state in _GIVEN_UP

    def has_items(self, job_id: str) -> bool:
        """Whether the job has been listed before, in part or whole."""
        return self._store.jobs.snapshot(job_id).total > 0

    def relisted(self, job_id: str, tasks: Iterator[RenderTask]) -> KnownItems:
        """The same tasks, with the content keys of items that the job has already."""
        return KnownItems(tasks, lambda item_ids: self._store.renewals.known_keys(job_id, item_ids))

    def new_item(self, task: RenderTask, existing: ObjectInfo | None, on_existing: OnExisting) -> NewItem:
        """The item of a task: to render, or delivered already. Raises `BadName` for a stranger's file."""
        if existing is None:
            return NewItem(task)
        delivery = self._store.deliveries.find(task.target)
        if delivery is None:
            if self._store.deliveries.owns(task.target):
                return NewItem(task)  # published by a manager that died before it could say so
            raise BadName(task.source, foreign_file(task))
        if on_existing is OnExisting.FAIL:
            return NewItem(task, ItemState.FAILED, own_file(task))
        if not self._is_intact(existing, delivery):
            reason = f"{task.target} was changed since it was delivered; move it and run again"
            return NewItem(task, ItemState.FAILED, reason)
        key = task.content_key()
        if on_existing is OnExisting.REPLACE or is_outdated(delivery.content_key, by=key):
            return NewItem(task, replace=True)
        same = delivery.content_key == key
        how = "" if same else " with other settings; set on_existing: replace to render it again"
        return NewItem(task, ItemState.SKIPPED, f"already delivered by job {delivery.job_id}{how}")

    def renew(self, job_id: str, task: RenderTask, known_key: str) -> None:
        """Queue an item that the job has already again, when its source, style or engine has changed.

        An output that someone changed meanwhile is left alone, and so is its item.
        """
        if not is_outdated(known_key, by=task.content_key()):
            return
        (existing,) = self._publisher.stat_many([task.target])
        delivery = self._store.deliveries.find(task.target)
        if existing is None or (delivery is not None and self._is_intact(existing, delivery)):
            self._store.renewals.requeue_changed(job_id, task, replace=existing is not None)

    def _is_intact(self, existing: ObjectInfo, delivery: Delivery) -> bool:
        """Whether a file is still as delivered; it is only read when its time says that it may not be."""
        if existing.bytes != delivery.bytes:
            return False
        return (
            existing.changed_at <= delivery.finished_at
            or self._publisher.sha256(existing.name) == delivery.sha256
        )


class _Walk:
    """One pass over a job's tasks: its items, and its problems."""

    def __init__(
        self, lister: Lister, record: JobRecord, index: TargetIndex, stop: Callable[[], bool]
    ) -> None:
        self._lister, self._record, self._index, self._stop = lister, record, index, stop
        self._early = record.spec.policy.start is StartWhen.AT_ONCE
        self._again = lister.has_items(record.job_id)
        self._relisted: KnownItems | None = None
        self._failed: list[NewItem] = []
        self.problems: list[str] = []
        self.problem_count = 0
        self.stopped = False

    def items(self) -> Iterator[NewItem]:
        """Every item, in order."""
        tasks = self._lister.tasks(self._record, self._unplaced)
        if self._again:
            self._relisted = self._lister.relisted(self._record.job_id, tasks)
            tasks = iter(self._relisted)
        ahead = self._lister.ahead(tasks)
        for number, task in enumerate(ahead):
            if number % BATCH == 0 and (self._stop() or self._lister.is_given_up(self._record.job_id)):
                self.stopped = True
                return
            yield from self._checked(task, ahead)
            yield from self._drained()
        yield from self._drained()

    def _checked(self, task: RenderTask, ahead: PrefetchedTargets) -> Iterator[NewItem]:
        conflict = name_conflict(task, self._index)
        if conflict is not None:
            problem = BadName(task.source, conflict)
        else:
            known_key = self._relisted.key(task.item_id) if self._relisted else None
            if known_key is not None:
                self._lister.renew(self._record.job_id, task, known_key)
                return
            try:
                existing = ahead.stat(task.target)
                yield self._lister.new_item(task, existing, self._record.spec.policy.on_existing)
                return
            except BadName as error:
                problem = error
        self._refuse(problem, task)

    def _unplaced(self, problem: JobError) -> None:
        """A problem with an input of which no task came."""
        self._refuse(problem, _no_task(self._record.spec, str(problem)))

    def _refuse(self, problem: JobError, task: RenderTask) -> None:
        if self._early:
            own_id = item_id_of(f"{task.target}\n{task.source}\n{task.style_label}")
            self._failed.append(
                NewItem(
                    task.model_copy(update={"item_id": own_id}),
                    ItemState.FAILED,
                    one_line(str(problem)),
                )
            )
            return
        self.problem_count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(str(problem))

    def _drained(self) -> Iterator[NewItem]:
        while self._failed:
            yield self._failed.pop(0)


def _no_task(spec: JobSpec, reason: str) -> RenderTask:
    return RenderTask(
        item_id="", source=reason, target="", style_label=spec.name, mix={}, format=PictureFormat.PNG
    )


WAIT_S = 15.0  # before a bucket that could not be listed is asked again


class Listing(threading.Thread):
    """Lists the jobs it is handed, one after the other, beside the manager's loop."""

    def __init__(self, lister: Lister, store: JobStore) -> None:
        super().__init__(name="lister", daemon=True)
        self._lister, self._store = lister, store
        self._wanted: queue.Queue[str | None] = queue.Queue()
        self._known: set[str] = set()
        self._ended = threading.Event()

    def want(self, job_id: str) -> None:
        """List this job, unless it is in line already."""
        if not self.is_alive():
            self.start()
        if job_id not in self._known:
            self._known.add(job_id)
            self._wanted.put(job_id)

    def run(self) -> None:
        """List until told to end."""
        while (job_id := self._wanted.get()) is not None and not self._ended.is_set():
            self._list(job_id)
            self._known.discard(job_id)

    def end(self) -> None:
        """Stop between two batches, and wait for that."""
        self._ended.set()
        self._wanted.put(None)
        if self.is_alive():
            self.join()

    def _list(self, job_id: str) -> None:
        try:
            self._lister.list_job(job_id, stop=self._ended.is_set)
        except StoreUnavailable:
            return  # the manager asks again as long as the job is unlisted
        except (StorageThrottled, StorageUnavailable, StorageAccessDenied) as problem:
            self._store.events.append("listing_waits", actor=MANAGER, detail=str(problem), job_id=job_id)
            self._ended.wait(WAIT_S)
            return
        except Exception as problem:
            is_expected = isinstance(problem, JobError | OSError)
            self.reject(job_id, str(problem) if is_expected else f"{type(problem).__name__}: {problem}")

    def reject(self, job_id: str, reason: str) -> None:
        """End a job whose inputs cannot be listed."""
        if self._store.jobs.snapshot(job_id).state is JobState.LISTING:
            self._store.jobs.move(job_id, JobEvent.REJECT, reason=REJECTED + " · ".join(reason.splitlines()))
        else:
            self._store.jobs.move(job_id, JobEvent.FAIL, reason=REJECTED + one_line(reason))
