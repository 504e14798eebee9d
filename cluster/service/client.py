"""`Client`: the API of a service over HTTP, with the same names and models as in its process."""

import json
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from giornata.cluster.errors import ServiceError, ServiceRefused, ServiceUnreachable
from giornata.cluster.service.api import LOST, PRIORITY
from giornata.cluster.service.schemas.base import Health, Problem, View
from giornata.cluster.service.schemas.jobs import (
    AttemptList,
    Changed,
    ItemPage,
    ItemView,
    JobDetail,
    JobPage,
    JobView,
    Plan,
    Submitted,
)
from giornata.cluster.service.schemas.service import Cleaned, EventPage, Recovered, VerifiedView, WorkerList
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import ItemState, JobState
from giornata.jobs.planning.estimate import PlanReport
from giornata.jobs.spec.job import JobSpec

V = TypeVar("V", bound=View)
ANSWER_S = 30.0
SILENCE_S = 60.0  # of a stream; it says something every 15 s
SLOW = httpx.Timeout(ANSWER_S, read=None)  # for what reads every file of a job


class Wire:
    """Speaks HTTP to the service at `url`."""

    def __init__(self, url: str, token: str | None, *, transport: httpx.BaseTransport | None) -> None:
        self.url = url.rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=f"{self.url}/api", headers=headers, timeout=ANSWER_S, transport=transport
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, model: type[V], **query: Any) -> V:
        """The model at `path`, with a query of the fields that are not None."""
        given = {name: value for name, value in query.items() if value is not None}
        given = {name: [*value] if isinstance(value, set | tuple) else value for name, value in given.items()}
        return self.read(self.ask("GET", path, params=given), model)

    def post(self, path: str, model: type[V], *, timeout: httpx.Timeout | None = None, **order: Any) -> V:
        """The model that answers an order."""
        more = {"timeout": timeout} if timeout else {}
        return self.read(self.ask("POST", path, json=order, **more), model)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer to a request. Raises `ServiceUnreachable`, `ServiceRefused`."""
        try:
            answer = self._http.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(self.url, str(error) or type(error).__name__) from error
        if answer.is_success:
            return answer
        raise _refusal(answer)

    def read(self, answer: httpx.Response, model: type[V]) -> V:
        """An answer as a model. Raises `ServiceUnreachable` for an answer of another version."""
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise ServiceUnreachable(self.url, "what answers there is no service of this version") from error

    def stream(self, path: str, last: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """The events of one connection: kind, id, data. Ends quietly when it is cut half way."""
        headers = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
        heard = False
        try:
            with self._http.stream("GET", path, headers=headers, timeout=SILENCE_S) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                for event in _events(answer.iter_lines()):
                    heard = True
                    yield event
        except httpx.HTTPError as error:
            if not heard:
                raise ServiceUnreachable(self.url, str(error) or type(error).__name__) from error


def may_pass(error: ServiceError) -> bool:
    """Whether asking again soon may help: nobody there, a standby, a database that is away."""
    return isinstance(error, ServiceUnreachable) or (
        isinstance(error, ServiceRefused) and error.args[0] == 503
    )


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])
            fields = {}
        else:
            fields = {}  # a comment, which only says that the service is there


def _refusal(answer: httpx.Response) -> ServiceError:
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        message = f"got status {answer.status_code} without a reason"
        if answer.status_code == 503:  # more connections than the server takes
            return ServiceRefused(503, "busy", message)
        return ServiceUnreachable(f"{answer.url.scheme}://{answer.url.netloc.decode()}", message)
    return ServiceRefused(answer.status_code, problem.code, problem.message)


def part(word: str) -> str:
    """A word as one part of a path: what a person typed may hold anything."""
    return quote(word, safe="") or "%20"


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
        order = _order(spec, base) | {"client_token": client_token, "priority": priority}
        return self._wire.post("/jobs", Submitted, **order, max_workers=max_workers)

    def plan(self, spec: JobSpec, *, base: Path) -> PlanReport:
        return self._wire.post("/jobs", Plan, timeout=SLOW, **_order(spec, base), dry_run=True).plan

    def jobs(
        self, *, states: Collection[JobState] | None = None, after: str | None = None, limit: int = 100
    ) -> JobPage:
        return self._wire.get("/jobs", JobPage, state=states, after=after, limit=limit)

    def job(self, job_id: str) -> JobDetail:
        return self._wire.get(f"/jobs/{part(job_id)}", JobDetail)

    def follow(self, job_id: str) -> Iterator[JobView]:
        fields: dict[str, Any] = {}
        last = ""
        heard_at = time.monotonic()
        while True:
            try:
                for kind, number, data in self._wire.stream(f"/jobs/{part(job_id)}/stream", last):
                    last, heard_at = number, time.monotonic()
                    if kind not in FOLLOWED:
                        continue
                    fields |= data["jobs"][0] if kind == "snapshot" else data
                    yield JobView.model_validate(fields)
                    if kind == "end":
                        return
            except ServiceError as error:  # a stream that was cut goes on where it was, also on a standby
                if not fields or not may_pass(error) or time.monotonic() - heard_at > AWAY_S + SILENCE_S:
                    raise
            time.sleep(AGAIN_S)

    def pause(self, job_id: str) -> JobView:
        return self._wire.post(f"/jobs/{part(job_id)}/pause", JobView)

    def resume(self, job_id: str) -> JobView:
        return self._wire.post(f"/jobs/{part(job_id)}/resume", JobView)

    def cancel(self, job_id: str) -> JobView:
        return self._wire.post(f"/jobs/{part(job_id)}/cancel", JobView)

    def retry(
        self,
        job_id: str,
        *,
        states: Collection[ItemState] = LOST,
        classes: Collection[OutcomeClass] | None = None,
        items: Collection[str] | None = None,
    ) -> Changed:
        order = {"states": list(states), "classes": list(classes or ())}
        named = {"items": list(items)} if items else {}
        answer = self._wire.ask("POST", f"/jobs/{part(job_id)}/retry", json=order | named)
        return self._wire.read(answer, Changed)

    def skip(self, job_id: str, items: Collection[str], *, reason: str = "") -> Changed:
        return self._wire.post(f"/jobs/{part(job_id)}/skip", Changed, items=list(items), reason=reason)

    def set_job(
        self,
        job_id: str,
        *,
        priority: int | None = None,
        max_workers: int | None = None,
        unlimited: bool = False,
    ) -> JobView:
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
        query = {"state": states, "class": classes, "after": after, "limit": limit}
        return self._wire.get(f"/jobs/{part(job_id)}/items", ItemPage, **query)

    def item(self, job_id: str, item_id: str) -> ItemView:
        return self._wire.get(f"/jobs/{part(job_id)}/items/{part(item_id)}", ItemView)

    def attempts(self, job_id: str, item_id: str) -> AttemptList:
        return self._wire.get(f"/jobs/{part(job_id)}/items/{part(item_id)}/attempts", AttemptList)

    # Files

    def verify(self, job_id: str, *, repair: bool = False) -> VerifiedView:
        return self._wire.post(f"/jobs/{part(job_id)}/verify", VerifiedView, timeout=SLOW, repair=repair)

    def report(self, job_id: str) -> str:
        return self._wire.ask("GET", f"/jobs/{part(job_id)}/report", timeout=SLOW).text

    def recover(self) -> Recovered:
        return self._wire.post("/recover", Recovered, timeout=SLOW)

    def gc(self, *, dry_run: bool = True) -> Cleaned:
        return self._wire.post("/gc", Cleaned, timeout=SLOW, dry_run=dry_run)

    # Workers and events

    def workers(self) -> WorkerList:
        return self._wire.get("/workers", WorkerList)

    def drain(self, worker: str, *, reason: str = "") -> WorkerList:
        return self._wire.post(f"/workers/{part(worker)}/drain", WorkerList, reason=reason)

    def block(self, worker: str, *, reason: str = "") -> WorkerList:
        return self._wire.post(f"/workers/{part(worker)}/block", WorkerList, reason=reason)

    def unblock(self, worker: str) -> WorkerList:
        return self._wire.post(f"/workers/{part(worker)}/unblock", WorkerList)

    def events(
        self,
        *,
        job_id: str | None = None,
        after: str | None = None,
        kinds: Collection[str] | None = None,
        limit: int = 200,
    ) -> EventPage:
        return self._wire.get("/events", EventPage, job=job_id, after=after, kind=kinds, limit=limit)

    def health(self) -> Health:
        return self._wire.get("/health", Health)


def _order(spec: JobSpec, base: Path) -> dict[str, Any]:
    return {"spec": spec.model_dump(mode="json", exclude_unset=True), "base": str(base.absolute())}
