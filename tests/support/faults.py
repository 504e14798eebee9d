"""A proxy between a client and a real HTTP service that breaks what the test asks it to break.

One request a connection: the head is read, the body streamed, and the answer as well, so that a fault can
strike in the middle of either.
"""

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from tests.support import s3

BLOCK = 1 << 16
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
UNMET = b"<Error><Code>PreconditionFailed</Code><Message>It is there.</Message></Error>"
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


class Kind(StrEnum):
    """What goes wrong."""

    RESET_REQUEST = "reset in the middle of the request's body"
    RESET_ANSWER = "reset in the middle of the answer's body"
    SHORT_ANSWER = "an answer that ends before its length"
    SLOW_DOWN = "503 SlowDown"
    DENIED = "403 AccessDenied"
    EXPIRED = "400 ExpiredToken"
    OTHER_ETAG = "an answer with another ETag"
    LOST_ANSWER = "done, and the answer lost"
    HEEDED_COPY = "no fault: conditions of copies are heeded, which the service behind does not do"


ANSWERS = {Kind.SLOW_DOWN: (503, SLOW_DOWN), Kind.DENIED: (403, DENIED), Kind.EXPIRED: (400, EXPIRED)}


@dataclass
class Fault:
    """Strikes requests whose first line matches `where`, so many `times`, or for so many `seconds`."""

    kind: Kind
    where: str = "."
    times: int = 1_000_000
    seconds: float = 1_000_000.0
    after: int = 0  # matching requests that pass before it strikes
    struck: int = 0
    since: float = 0.0  # its first strike

    def strikes(self, line: str) -> bool:
        """Whether it strikes this request."""
        if not re.search(self.where, line):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.since = self.since or time.monotonic()
        if self.struck >= self.times or time.monotonic() - self.since > self.seconds:
            return False
        self.struck += 1
        return True


class FaultProxy:
    """Listens on loopback and passes requests on to `upstream`."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.served = 0  # bytes of answers, their heads included
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def add(self, kind: Kind, where: str = ".", **more: float) -> Fault:
        """Begin to break requests; the fault, which counts how often it struck."""
        fault = Fault(kind, where, **more)  # type: ignore[arg-type]
        with self._lock:
            self.faults.append(fault)
        return fault

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head, rest = _head(connection)
            if not head:
                return
            line = head.split(b"\r\n", 1)[0].decode("latin-1")
            with self._lock:
                self.seen.append(line)
                fault = next((one for one in self.faults if one.strikes(line)), None)
            self._pass_on(connection, head, rest, fault.kind if fault else None)

    def _pass_on(self, connection: socket.socket, head: bytes, rest: bytes, kind: Kind | None) -> None:
        length = int(_header(head, b"content-length") or 0)
        if _header(head, b"expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if kind is Kind.HEEDED_COPY and not self._may_copy(head):
            _answer(connection, 412, UNMET)
            return
        if kind in ANSWERS:
            _swallow(connection, length - len(rest))
            _answer(connection, *ANSWERS[kind])
            return
        with socket.create_connection(self._upstream) as upstream:
            upstream.sendall(_rewritten(head))
            limit = length // 2 if kind is Kind.RESET_REQUEST else length
            _copy(connection, upstream, limit, rest)
            if kind is Kind.RESET_REQUEST:
                _reset(upstream)
                _reset(connection)
                return
            self._answered(connection, upstream, kind)

    def _may_copy(self, head: bytes) -> bool:
        if not _header(head, b"x-amz-copy-source"):
            return True
        bucket, _, key = unquote(head.split(b" ", 2)[1].decode()).strip("/").partition("/")
        host, port = self._upstream
        try:
            etag = s3.client(f"http://{host}:{port}").head_object(Bucket=bucket, Key=key)["ETag"]
        except ClientError:
            etag = ""
        if _header(head, b"if-none-match"):
            return not etag
        wanted = _header(head, b"if-match").decode()
        return not wanted or etag == wanted

    def _answered(self, connection: socket.socket, upstream: socket.socket, kind: Kind | None) -> None:
        head, rest = _head(upstream)
        length = int(_header(head, b"content-length") or 0)
        if kind is Kind.LOST_ANSWER:
            _reset(connection)
            return
        if kind is Kind.OTHER_ETAG:
            head = re.sub(rb'(?i)etag: "[^"]*"', b'ETag: "00000000000000000000000000000000"', head)
        if kind in (Kind.RESET_ANSWER, Kind.SHORT_ANSWER):
            connection.sendall(head)
            _copy(upstream, connection, length // 2, rest)
            if kind is Kind.RESET_ANSWER:
                time.sleep(0.05)  # what was sent must have been read, or the reset overtakes it
                _reset(connection)
            return
        block = head + rest
        while block:
            with self._lock:
                self.served += len(block)
            connection.sendall(block)
            block = upstream.recv(BLOCK)


@contextmanager
def faults_before(upstream: str) -> Iterator[FaultProxy]:
    """A proxy before a service, gone afterwards."""
    proxy = FaultProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(BLOCK)
        if not block:
            return b"", b""
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _header(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"(?im)^" + name + rb": *([^\r\n]*)", head)
    return found[1] if found else b""


def _rewritten(head: bytes) -> bytes:
    head = re.sub(rb"(?im)^(expect|connection): [^\r\n]*\r\n", b"", head)
    return head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def _copy(source: socket.socket, target: socket.socket, length: int, first: bytes) -> None:
    first = first[:length]
    target.sendall(first)
    left = length - len(first)
    while left > 0 and (block := source.recv(min(BLOCK, left))):
        target.sendall(block)
        left -= len(block)


def _swallow(connection: socket.socket, length: int) -> None:
    while length > 0 and (block := connection.recv(min(BLOCK, length))):
        length -= len(block)


def _answer(connection: socket.socket, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
