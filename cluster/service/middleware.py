"""`SecurityMiddleware`: host, token, role, kind and size of a request are checked before its body is read."""

import asyncio
import hmac
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from giornata.cluster.service.auth import COOKIE, CSRF_HEADER, Access, AccessRole, Person
from giornata.cluster.service.problems import problem
from giornata.cluster.service.schemas.base import Role

BODY_BYTES = 2 * 1024**2
BODY_S = 30.0  # for a whole body; what comes slower keeps a place from others
HEALTH = "/api/health"
LOGIN = "/login"
OPEN = (HEALTH, LOGIN, "/favicon.svg")
STATIC = "/static/"
UPLOAD, UPLOAD_KIND = "/styles/samples", "application/octet-stream"
UPLOAD_BYTES = 12 * 1024**2
STANDBY = "standby"
AGAIN_S = 3  # after which a browser looks whether a service that waited has taken over
FOR_ALL = ("/logout", UPLOAD)  # viewers as well: nobody's batch changes
_READING = ("GET", "HEAD", "OPTIONS")
_PLAIN = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class RequestRefused(Exception):
    """`RequestRefused(status, code, message)`: ends a request before its route."""


class SecurityMiddleware:
    """ASGI middleware; puts the `Person` who asks into `scope["state"]["person"]`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        role: Callable[[], Role],
        standby_page: Callable[[Request, int], Response],
        body_bytes: int = BODY_BYTES,
    ) -> None:
        """`standby_page` makes the page, with this status, for people who ask a service that waits."""
        self._app, self._access, self._role, self._body_bytes = app, access, role, body_bytes
        self._standby_page = standby_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
            if scope["method"] not in _READING:
                limit = UPLOAD_BYTES if scope["path"] == UPLOAD else self._body_bytes
                receive = await _replayed(scope, receive, limit=limit)
        except RequestRefused as refusal:
            status, code, message = refusal.args
            if status == 401 and _is_page(scope):
                await RedirectResponse(_login(scope), 303, _PLAIN)(scope, receive, send)
                return
            if code == STANDBY and _is_page(scope):
                waiting = self._standby_page(Request(scope), status)
                waiting.headers.update({**_PLAIN, "refresh": str(AGAIN_S)})
                await waiting(scope, receive, send)
                return
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
            raise RequestRefused(
                421, "wrong_host", "asked by a name that is not this service's; see --allow-host"
            )
        person = self._person(headers)
        changes = scope["method"] not in _READING
        if changes:
            self._check_origin(headers)
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            # A form on a page elsewhere cannot send these unasked.
            if kind != (UPLOAD_KIND if scope["path"] == UPLOAD else "application/json"):
                raise RequestRefused(415, "not_json", "needed content-type: application/json")
        if person is None and scope["path"] not in OPEN and not scope["path"].startswith(STATIC):
            raise RequestRefused(401, "unauthorized", "needed a token: Authorization: Bearer …")
        if person is None or scope["path"] in OPEN:
            return
        if changes and person.role is not AccessRole.OPERATOR and scope["path"] not in FOR_ALL:
            raise RequestRefused(
                403, "forbidden", f"{person.name} may look, changing needs an operator's token"
            )
        if changes and _from_browser(headers):
            self._check_csrf(headers)
        if self._role() is Role.STANDBY and not scope["path"].startswith(STATIC):
            raise RequestRefused(503, STANDBY, "this service waits to take over; ask the active one")
        state = scope.setdefault("state", {})
        state["person"], state["signed_in"] = (
            person,
            self._access.signed_in(_cookie(headers), now=time.time()),
        )

    def _person(self, headers: Headers) -> Person | None:
        person = self._access.person(headers.get("authorization", ""))
        if person is None and "authorization" not in headers:
            seated = self._access.signed_in(_cookie(headers), now=time.time())
            person = seated.person if seated else None
        return person

    def _check_origin(self, headers: Headers) -> None:
        site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
        if site not in ("", "same-origin", "none") or (
            not site and origin and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        ):
            raise RequestRefused(403, "cross_site", "asked from a page of another site")

    def _check_csrf(self, headers: Headers) -> None:
        seated = self._access.signed_in(_cookie(headers), now=time.time())
        if seated is None or not hmac.compare_digest(
            seated.csrf.encode(), headers.get(CSRF_HEADER, "").encode()
        ):
            raise RequestRefused(403, "csrf", f"needed the page's {CSRF_HEADER}; reload the page")


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _from_browser(headers: Headers) -> bool:
    """Whether a request comes from a browser: with a cookie or from a page, and without a token."""
    if "authorization" in headers:
        return False
    return any(name in headers for name in ("cookie", "origin", "sec-fetch-site"))


def _is_page(scope: Scope) -> bool:
    wants = Headers(scope=scope).get("accept", "")
    return scope["method"] == "GET" and not scope["path"].startswith("/api/") and "text/html" in wants


def _login(scope: Scope) -> str:
    target = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
    return LOGIN if target == "/" else f"{LOGIN}?next={quote(target, safe='')}"


async def _replayed(scope: Scope, receive: Receive, *, limit: int) -> Receive:
    """The body read whole, within its limits, as something that can be received again."""
    length = Headers(scope=scope).get("content-length", "0")
    too_large = RequestRefused(413, "too_large", f"got a body over {limit} bytes")
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
        raise RequestRefused(408, "too_slow", f"got no whole body in {BODY_S:g} s") from None
    waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in _PLAIN.items()]
            message["headers"] = [*message["headers"], *(field for field in more if field[0] not in present)]
        await send(message)

    return sending
