"""`EventBroadcaster`: one read of the store a second for all who watch, published as changes."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from giornata.cluster.batch.progress import OptimizationWatcher
from giornata.cluster.service.job_service import JobService
from giornata.cluster.service.mosaic import Mosaics
from giornata.jobs.errors import StoreUnavailable, UnknownJob
from giornata.jobs.model.states import JobState

PERIOD_S = 1.0
HEARTBEAT_S = 15.0
KEPT = 2000  # events that a listener who was cut off can still be sent
MOST_STREAMS = 200

Fields = dict[str, Any]


@dataclass(frozen=True)
class StreamEvent:
    """One event of a stream: ids increase, also from one service to the next."""

    number: int
    kind: str  # snapshot, change, items, optimising or end
    job_id: str
    data: Fields

    @cached_property
    def text(self) -> str:
        """As server-sent events put it (WHATWG HTML, section 9.2); made once for all who listen."""
        return f"id: {self.number}\nevent: {self.kind}\ndata: {json.dumps(self.data)}\n\n"


class EventBroadcaster:
    """Belongs to one event loop; reads the store from a thread."""

    def __init__(
        self,
        job_service: JobService,
        *,
        scratch: Path | None = None,
        period_s: float = PERIOD_S,
        heartbeat_s: float = HEARTBEAT_S,
        backlog: int = KEPT,
    ) -> None:
        """`scratch` is where images are painted, if that is on this machine; `backlog` counts events."""
        self._job_service, self._period_s, self._heartbeat_s = job_service, period_s, heartbeat_s
        self.mosaics = Mosaics(job_service.store)
        self._optimizations = OptimizationWatcher(job_service.store, scratch)
        self._known: dict[str, Fields] = {}
        self._backlog: deque[StreamEvent] = deque(maxlen=backlog)
        # Later than any id of a service that ran before on this machine at less than 1000 events a second.
        self._number = int(time.time() * 1000)
        self._first = self._number
        self._news = asyncio.Event()
        self.streams = 0

    @property
    def is_full(self) -> bool:
        """Whether no more listeners are taken."""
        return self.streams >= MOST_STREAMS

    async def run(self, active: Callable[[], bool]) -> None:
        """Read the store once a second until cancelled."""
        while True:
            if active():
                # While the database is away there is nothing to publish.
                with contextlib.suppress(StoreUnavailable):
                    jobs = await run_in_threadpool(self._read_watched)
                    items = await run_in_threadpool(self._item_changes, jobs)
                    moved = await run_in_threadpool(self._optimizations.changes, tuple(jobs))
                    self._compare(jobs, items, moved)
            await asyncio.sleep(self._period_s)

    async def subscribe(
        self, job_id: str | None, last: int | None, *, ends: bool = True, items: bool = False
    ) -> AsyncIterator[str]:
        """The text of a stream: what was missed since event `last`, or a snapshot, then every change.

        The stream of one job ends when the job does, unless it never `ends`; `items` adds what changes in
        its mosaic. Steps of an optimization are published as they are found. Raises `UnknownJob` before the
        first word.
        """
        current = await run_in_threadpool(self._current, job_id)
        kinds = ("change", "optimising", *(("items",) if items and job_id else ()))
        return self._events(job_id, last, current, ends=ends, kinds=kinds)

    async def _events(
        self, job_id: str | None, last: int | None, current: list[Fields], *, ends: bool, kinds: Sequence[str]
    ) -> AsyncIterator[str]:
        self.streams += 1
        try:
            position = self._number if last is None or not self._reaches(last) else last
            if position != last:
                yield StreamEvent(position, "snapshot", job_id or "", {"jobs": current}).text
            while True:
                news = self._news
                for event in [event for event in self._backlog if event.number > position]:
                    position = event.number
                    if job_id in (None, event.job_id) and event.kind in kinds:
                        yield event.text
                if job_id and "items" in kinds:
                    self.mosaics.keep(job_id)
                ended = self._ended(job_id, current) if job_id and ends else None
                if ended:
                    yield StreamEvent(position, "end", job_id or "", ended).text
                    return
                try:
                    await asyncio.wait_for(news.wait(), self._heartbeat_s)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self.streams -= 1

    def _reaches(self, last: int) -> bool:
        oldest = self._backlog[0].number - 1 if self._backlog else self._number
        return max(oldest, self._first) <= last <= self._number

    def _ended(self, job_id: str, current: list[Fields]) -> Fields | None:
        fields = self._known.get(job_id, current[0])
        return fields if JobState(fields["state"]).is_terminal else None

    def _current(self, job_id: str | None) -> list[Fields]:
        if job_id is None:
            return list(self._read().values())
        return [self._job_service.job(job_id).summary.model_dump(mode="json")]

    def _read(self) -> dict[str, Fields]:
        return {job_id: view.model_dump(mode="json") for job_id, view in self._job_service.live().items()}

    def _read_watched(self) -> dict[str, Fields]:
        jobs = self._read()
        for job_id in self._known.keys() - jobs.keys():
            if not JobState(self._known[job_id]["state"]).is_terminal:
                with contextlib.suppress(UnknownJob):
                    jobs[job_id] = self._job_service.job(job_id).summary.model_dump(mode="json")
        return jobs

    def _item_changes(self, jobs: dict[str, Fields]) -> dict[str, Fields]:
        return self.mosaics.changes({job_id: fields["counts"] for job_id, fields in jobs.items()})

    def _compare(
        self, jobs: dict[str, Fields], items: dict[str, Fields], moved: Sequence[tuple[str, Fields]]
    ) -> None:
        before_all = self._number
        for job_id, fields in jobs.items():
            before = self._known.get(job_id, {})
            changed = {name: value for name, value in fields.items() if before.get(name) != value}
            if changed.keys() <= {"rates"}:
                jobs[job_id] = before or fields  # sent along with the next real change
            else:
                self._publish("change", job_id, {"job_id": job_id} | changed)
        for job_id, runs in items.items():
            self._publish("items", job_id, runs)
        for job_id, fields in moved:
            self._publish("optimising", job_id, fields)
        self._known = jobs
        if self._number > before_all:  # or else no stream would be silent for long enough to get a heartbeat
            self._news.set()
            self._news = asyncio.Event()

    def _publish(self, kind: str, job_id: str, data: Fields) -> None:
        self._number += 1
        self._backlog.append(StreamEvent(self._number, kind, job_id, data))
