"""`Wire`: how a service behind a URL is asked: requests, their answers as models, and streams of events."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from giornata.cluster.errors import ServiceError, ServiceRefused, ServiceUnreachable
from giornata.cluster.service.views import Problem, View

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

    def get(self, path: str, model: type[V], **asked: Any) -> V:
        """The model that is at `path`, asked for with what is not None."""
        given = {name: value for name, value in asked.items() if value is not None}
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
        """An answer as a model. Raises `ServiceUnreachable` for what no service of this version says."""
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
        found = Problem.model_validate_json(answer.content)
    except ValidationError:
        words = f"got status {answer.status_code} without a reason"
        if answer.status_code == 503:  # more connections than the server takes
            return ServiceRefused(503, "busy", words)
        return ServiceUnreachable(f"{answer.url.scheme}://{answer.url.netloc.decode()}", words)
    return ServiceRefused(answer.status_code, found.code, found.message)


def part(word: str) -> str:
    """A word as one part of a path: what a person typed may hold anything."""
    return quote(word, safe="") or "%20"
