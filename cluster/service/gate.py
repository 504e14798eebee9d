"""`Gate`: what every request passes before it is read: host, token, role, kind and size of the body."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from giornata.cluster.service.access import Access, AccessRole
from giornata.cluster.service.problems import problem
from giornata.cluster.service.views import Role

BODY_BYTES = 2 * 1024**2
BODY_S = 30.0  # for a whole body; what comes slower keeps a place from others
HEALTH = "/api/health"
_READING = ("GET", "HEAD", "OPTIONS")
_PLAIN = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Refusal(Exception):
    """`Refusal(status, code, message)`: ends a request at the gate."""


class Gate:
    """ASGI middleware; puts the `Person` who asks into `scope["state"]["person"]`."""

    def __init__(
        self, app: ASGIApp, *, access: Access, role: Callable[[], Role], body_bytes: int = BODY_BYTES
    ) -> None:
        self._app, self._access, self._role, self._body_bytes = app, access, role, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
            if scope["method"] not in _READING:
                receive = await _replayed(scope, receive, limit=self._body_bytes)
        except Refusal as refusal:
            status, code, message = refusal.args
            headers = {"www-authenticate": "Bearer"} if status == 401 else {}
            # The rest of the body is not read: the connection cannot serve another request.
            headers |= {"connection": "close"} if status == 413 else {}
            await problem(status, code, message, {**_PLAIN, **headers})(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._app(scope, receive, _with_headers(send))

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if not self._access.knows_host(headers.get("host", "")):
            raise Refusal(421, "wrong_host", "asked by a name that is not this service's; see --allow-host")
        if scope["path"] == HEALTH:
            return
        person = self._access.person(headers.get("authorization", ""))
        if person is None:
            raise Refusal(401, "unauthorized", "needed a token: Authorization: Bearer …")
        if scope["method"] not in _READING:
            if person.role is not AccessRole.OPERATOR:
                raise Refusal(403, "forbidden", f"{person.name} may look, changing needs an operator's token")
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":  # a form on a page elsewhere cannot send this one unasked
                raise Refusal(415, "not_json", "needed content-type: application/json")
        if self._role() is Role.STANDBY:
            raise Refusal(503, "standby", "this service waits to take over; ask the active one")
        scope.setdefault("state", {})["person"] = person


async def _replayed(scope: Scope, receive: Receive, *, limit: int) -> Receive:
    """The body read whole, within its limits, as something that can be received again."""
    length = Headers(scope=scope).get("content-length", "0")
    too_large = Refusal(413, "too_large", f"got a body over {limit} bytes")
    if length.isdigit() and int(length[:20]) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientDisconnect
                body += message.get("body", b"")
                if len(body) > limit:
                    raise too_large
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Refusal(408, "too_slow", f"got no whole body in {BODY_S:g} s") from None
    waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in _PLAIN.items()]
            message["headers"] = [*message["headers"], *(one for one in more if one[0] not in present)]
        await send(message)

    return sending
