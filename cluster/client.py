"""`Client`: the verbs of a service behind a URL, with the same names and the same views as in its process."""

import time
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from giornata.cluster.errors import ServiceError
from giornata.cluster.service.verbs import LOST, PRIORITY
from giornata.cluster.service.views import Health
from giornata.cluster.service.views_items import AttemptList, ItemPage, ItemView
from giornata.cluster.service.views_jobs import Changed, JobDetail, JobPage, JobView, Plan, Submitted
from giornata.cluster.service.views_service import Cleaned, EventPage, Recovered, VerifiedView, WorkerList
from giornata.cluster.wire import SILENCE_S, SLOW, Wire, may_pass, part
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.spec.job import JobSpec

FOLLOWED = ("snapshot", "change", "end")  # events that say how a job stands
AGAIN_S = 2.0  # before a stream that was cut is asked for again
AWAY_S = 60.0  # a service that restarts, or its standby, is there by then


class Client:
    """Speaks to the service at `url`. Every method raises `ServiceUnreachable` and `ServiceRefused`."""

    def __init__(
        self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._wire = Wire(url, token, transport=transport)
        self.url = self._wire.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    # Jobs

    def submit(
        self,
        spec: JobSpec,
        *,
        base: Path,
        client_token: str = "",
        priority: int = PRIORITY,
        max_workers: int | None = None,
    ) -> Submitted:
        """See `Verbs.submit`; `base` is a folder on the service's machine."""
        order = _order(spec, base) | {"client_token": client_token, "priority": priority}
        return self._wire.post("/jobs", Submitted, **order, max_workers=max_workers)

    def plan(self, spec: JobSpec, *, base: Path) -> PlanReport:
        """See `Verbs.plan`."""
        return self._wire.post("/jobs", Plan, timeout=SLOW, **_order(spec, base), dry_run=True).plan

    def jobs(
        self, *, states: Collection[JobState] | None = None, after: str | None = None, limit: int = 100
    ) -> JobPage:
        """See `Verbs.jobs`."""
        return self._wire.get("/jobs", JobPage, state=states, after=after, limit=limit)

    def job(self, job_id: str) -> JobDetail:
        """See `Verbs.job`."""
        return self._wire.get(f"/jobs/{part(job_id)}", JobDetail)

    def follow(self, job_id: str) -> Iterator[JobView]:
        """See `Verbs.follow`; a stream that is cut goes on where it was, also on the next service."""
        known: dict[str, Any] = {}
        last = ""
        heard_at = time.monotonic()
        while True:
            try:
                for kind, number, data in self._wire.stream(f"/jobs/{part(job_id)}/stream", last):
                    last, heard_at = number, time.monotonic()
                    if kind not in FOLLOWED:
                        continue
                    known |= data["jobs"][0] if kind == "snapshot" else data
                    yield JobView.model_validate(known)
                    if kind == "end":
                        return
            except ServiceError as error:
                if not known or not may_pass(error) or time.monotonic() - heard_at > AWAY_S + SILENCE_S:
                    raise
            time.sleep(AGAIN_S)

    def pause(self, job_id: str) -> JobView:
        """See `Verbs.pause`."""
        return self._wire.post(f"/jobs/{part(job_id)}/pause", JobView)

    def resume(self, job_id: str) -> JobView:
        """See `Verbs.resume`."""
        return self._wire.post(f"/jobs/{part(job_id)}/resume", JobView)

    def cancel(self, job_id: str) -> JobView:
        """See `Verbs.cancel`."""
        return self._wire.post(f"/jobs/{part(job_id)}/cancel", JobView)

    def retry(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] = LOST,
        classes: Collection[OutcomeClass] | None = None,
        items: Collection[str] | None = None,
    ) -> Changed:
        """See `Verbs.retry`."""
        order = {"states": list(states), "classes": list(classes or ())}
        named = {"items": list(items)} if items else {}
        answer = self._wire.ask("POST", f"/jobs/{part(job_id)}/retry", json=order | named)
        return self._wire.read(answer, Changed)

    def skip(self, job_id: str, items: Collection[str], *, reason: str = "") -> Changed:
        """See `Verbs.skip`."""
        return self._wire.post(f"/jobs/{part(job_id)}/skip", Changed, items=list(items), reason=reason)

    def set_job(
        self,
        job_id: str,
        *,
        priority: int | None = None,
        max_workers: int | None = None,
        unlimited: bool = False,
    ) -> JobView:
        """See `Verbs.set_job`."""
        order = {"priority": priority, "max_workers": max_workers, "unlimited": unlimited}
        return self._wire.read(self._wire.ask("PATCH", f"/jobs/{part(job_id)}", json=order), JobView)

    # Items

    def items(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] | None = None,
        classes: Collection[OutcomeClass] | None = None,
        after: str | None = None,
        limit: int = 200,
    ) -> ItemPage:
        """See `Verbs.items`."""
        asked = {"state": states, "class": classes, "after": after, "limit": limit}
        return self._wire.get(f"/jobs/{part(job_id)}/items", ItemPage, **asked)

    def item(self, job_id: str, item_id: str) -> ItemView:
        """See `Verbs.item`."""
        return self._wire.get(f"/jobs/{part(job_id)}/items/{part(item_id)}", ItemView)

    def attempts(self, job_id: str, item_id: str) -> AttemptList:
        """See `Verbs.attempts`."""
        return self._wire.get(f"/jobs/{part(job_id)}/items/{part(item_id)}/attempts", AttemptList)

    # Files

    def verify(self, job_id: str, *, repair: bool = False) -> VerifiedView:
        """See `Verbs.verify`."""
        return self._wire.post(f"/jobs/{part(job_id)}/verify", VerifiedView, timeout=SLOW, repair=repair)

    def report(self, job_id: str) -> str:
        """See `Verbs.report`."""
        return self._wire.ask("GET", f"/jobs/{part(job_id)}/report", timeout=SLOW).text

    def recover(self) -> Recovered:
        """See `Verbs.recover`."""
        return self._wire.post("/recover", Recovered, timeout=SLOW)

    def gc(self, *, dry_run: bool = True) -> Cleaned:
        """See `Verbs.gc`."""
        return self._wire.post("/gc", Cleaned, timeout=SLOW, dry_run=dry_run)

    # Workers and events

    def workers(self) -> WorkerList:
        """See `Verbs.workers`."""
        return self._wire.get("/workers", WorkerList)

    def drain(self, worker: str, *, reason: str = "") -> WorkerList:
        """See `Verbs.drain`."""
        return self._wire.post(f"/workers/{part(worker)}/drain", WorkerList, reason=reason)

    def block(self, worker: str, *, reason: str = "") -> WorkerList:
        """See `Verbs.block`."""
        return self._wire.post(f"/workers/{part(worker)}/block", WorkerList, reason=reason)

    def unblock(self, worker: str) -> WorkerList:
        """See `Verbs.unblock`."""
        return self._wire.post(f"/workers/{part(worker)}/unblock", WorkerList)

    def events(
        self,
        *,
        job_id: str | None = None,
        after: str | None = None,
        kinds: Collection[str] | None = None,
        limit: int = 200,
    ) -> EventPage:
        """See `Verbs.events`."""
        return self._wire.get("/events", EventPage, job=job_id, after=after, kind=kinds, limit=limit)

    def health(self) -> Health:
        """See `Verbs.health`."""
        return self._wire.get("/health", Health)


def _order(spec: JobSpec, base: Path) -> dict[str, Any]:
    return {"spec": spec.model_dump(mode="json", exclude_unset=True), "base": str(base.absolute())}
