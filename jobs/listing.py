"""From a stored spec to stored items: expand, check, and insert in one pass that holds no list of them."""

from collections.abc import Callable, Iterator

from giornata.jobs.choices import OnExisting, PictureFormat, StartWhen
from giornata.jobs.collisions import TargetIndex
from giornata.jobs.errors import (
    BadName,
    JobError,
    PlanRefused,
)
from giornata.jobs.expansion import expand
from giornata.jobs.naming import item_id_of
from giornata.jobs.outcome import one_line
from giornata.jobs.ports import Entry, Publisher
from giornata.jobs.records import Delivery, JobRecord, NewItem
from giornata.jobs.relisting import Relisted
from giornata.jobs.spec import JobSpec
from giornata.jobs.spec_checks import SHOWN
from giornata.jobs.standing import Ahead
from giornata.jobs.states import ItemState, JobState
from giornata.jobs.store import BATCH, JobStore
from giornata.jobs.styling import StyleCheck
from giornata.jobs.task import RenderTask, is_outdated

REJECTED = "rejected by checks: "  # how the reason of a job begins that never ran
_GIVEN_UP = (JobState.CANCELLED, JobState.CANCELLING, JobState.FAILED)


def never() -> bool:
    """The `stop` of what goes on to its end."""
    return False


class Lister:
    """Lists jobs of one store. Problems refuse a job; one that starts at once keeps them as failed items."""

    def __init__(self, store: JobStore, publisher: Publisher, styles: StyleCheck) -> None:
        self._store, self._publisher, self._styles = store, publisher, styles

    def list_job(self, job_id: str, *, stop: Callable[[], bool] = never) -> int:
        """Insert what the job's inputs hold and mark it listed; how many items are new.

        Stopped half way, or cancelled, the job stays unlisted: listing again finds the same items. Raises
        `PlanRefused` after rejecting the job, and what `expand` raises.
        """
        record = self._store.job(job_id)
        publisher = self._publisher.of(record.spec.storage)
        lister = Lister(self._store, publisher, self._styles)
        with TargetIndex() as index:
            walk = _Walk(lister, record, index, stop)
            added = self._store.insert_items(job_id, walk.items())
        if walk.stopped:
            return added
        if walk.problems:
            raise PlanRefused(tuple(walk.problems[:SHOWN]), walk.problem_count)
        self._store.mark_listed(job_id)
        return added

    def tasks(self, record: JobRecord, on_problem: Callable[[JobError], None]) -> Iterator[RenderTask]:
        """The tasks of a job in order."""
        return expand(
            record.spec,
            base=record.base,
            styles=self._styles,
            on_problem=on_problem,
            places=self._publisher.places,
        )

    def ahead(self, tasks: Iterator[RenderTask]) -> Ahead:
        """The same tasks, with what stands at their targets."""
        return Ahead(tasks, self._publisher)

    def is_given_up(self, job_id: str) -> bool:
        """Whether the job has ended while it was being listed."""
        return self._store.snapshot(job_id).state in _GIVEN_UP

    def has_items(self, job_id: str) -> bool:
        """Whether the job has been listed before, in part or whole."""
        return self._store.snapshot(job_id).total > 0

    def relisted(self, job_id: str, tasks: Iterator[RenderTask]) -> Relisted:
        """The same tasks, with the content keys of items that the job has already."""
        return Relisted(tasks, lambda item_ids: self._store.known_keys(job_id, item_ids))

    def new_item(self, task: RenderTask, there: Entry | None, on_existing: OnExisting) -> NewItem:
        """The item of a task: to render, or delivered already. Raises `BadName` for a stranger's file."""
        if there is None:
            return NewItem(task)
        ours = self._store.delivery(task.target)
        if ours is None:
            if self._store.owns(task.target):  # published by a manager that died before it could say so
                return NewItem(task)
            words = f"{task.target} exists and was not made here; move it or choose another destination"
            raise BadName(task.source, words)
        if on_existing is OnExisting.FAIL:
            reason = f"{task.target} exists and on_existing is {OnExisting.FAIL}"
            return NewItem(task, ItemState.FAILED, reason)
        if not self._is_intact(there, ours):
            reason = f"{task.target} was changed since it was delivered; move it and run again"
            return NewItem(task, ItemState.FAILED, reason)
        key = task.content_key()
        if on_existing is OnExisting.REPLACE or is_outdated(ours.content_key, by=key):
            return NewItem(task, replace=True)
        same = ours.content_key == key
        how = "" if same else " with other settings; set on_existing: replace to render it again"
        return NewItem(task, ItemState.SKIPPED, f"already delivered by job {ours.job_id}{how}")

    def renew(self, job_id: str, task: RenderTask, known_key: str) -> None:
        """Queue an item that the job has already again, when what it is made from has changed.

        An output that someone changed meanwhile is left alone, and so is its item.
        """
        if not is_outdated(known_key, by=task.content_key()):
            return
        (there,), ours = self._publisher.heads([task.target]), self._store.delivery(task.target)
        if there is None or (ours is not None and self._is_intact(there, ours)):
            self._store.renew_item(job_id, task, replace=there is not None)

    def _is_intact(self, there: Entry, ours: Delivery) -> bool:
        """Whether a file is still as delivered; it is only read when its time says that it may not be."""
        if there.bytes != ours.bytes:
            return False
        return there.changed_at <= ours.finished_at or self._publisher.sha256(there.name) == ours.sha256


class _Walk:
    """One pass over a job's tasks: what comes out of it, and what was wrong."""

    def __init__(
        self, lister: Lister, record: JobRecord, index: TargetIndex, stop: Callable[[], bool]
    ) -> None:
        self._lister, self._record, self._index, self._stop = lister, record, index, stop
        self._early = record.spec.policy.start is StartWhen.AT_ONCE
        self._again = lister.has_items(record.job_id)
        self._relisted: Relisted | None = None
        self._failed: list[NewItem] = []
        self._source = ""
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

    def _checked(self, task: RenderTask, ahead: Ahead) -> Iterator[NewItem]:
        clash = self._clash(task)
        if clash is None:
            known = self._relisted.key(task.item_id) if self._relisted else None
            if known is not None:
                self._lister.renew(self._record.job_id, task, known)
                return
            try:
                there = ahead.head(task.target)
                yield self._lister.new_item(task, there, self._record.spec.policy.on_existing)
                return
            except BadName as problem:
                clash = problem
        self._refuse(clash, task)

    def _clash(self, task: RenderTask) -> JobError | None:
        taker = self._index.add_source(task.source) if task.source != self._source else None
        self._source = task.source
        if taker:
            return BadName(task.source, f"the output of {taker} would overwrite it")
        earlier = self._index.add_target(task.target, by=f"{task.source} in style {task.style_label}")
        if not earlier:
            return None
        words = (
            f"{task.target} in style {task.style_label} falls on {earlier}; change the template or a label"
        )
        return BadName(task.source, words)

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


def _no_task(spec: JobSpec, words: str) -> RenderTask:
    return RenderTask(
        item_id="", source=words, target="", style_label=spec.name, mix={}, format=PictureFormat.PNG
    )
