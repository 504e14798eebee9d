"""Webhooks: signed, tried again and logged; never sent to private addresses (`TargetRule`)."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import logging
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from giornata.cluster.errors import ServiceError, TargetForbidden, UnsafeService
from giornata.jobs.errors import StoreUnavailable, UnknownJob
from giornata.jobs.model.attempt import one_line
from giornata.jobs.model.states import JobEvent
from giornata.jobs.spec.enums import NotifyKind
from giornata.jobs.store.events import NOTICE_CURSOR
from giornata.jobs.store.records import EventRecord, NoticeRecord
from giornata.jobs.store.store import JobStore

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


@dataclass(frozen=True)
class TargetRule:
    """Public addresses, and what the configuration allows beside them."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def allowing(cls, entries: Iterable[str]) -> "TargetRule":
        """From host names, addresses and networks. Raises `UnsafeService`."""
        hosts: set[str] = set()
        networks: list[Network] = []
        for word in filter(None, map(str.strip, entries)):
            try:
                networks.append(ipaddress.ip_network(word.strip("[]")))
            except ValueError:
                if "/" in word:
                    raise UnsafeService(
                        f"allowing webhooks to {word}", "needed a host or a network"
                    ) from None
                hosts.add(word.lower())
        return cls(frozenset(hosts), tuple(networks))

    def choose(self, host: str, candidates: Sequence[str]) -> str:
        """The address to connect to, of those that `host` leads to. Raises `TargetForbidden`.

        One that is forbidden forbids all: who controls the name could send the next try there.
        """
        addresses = [ipaddress.ip_address(candidate.partition("%")[0]) for candidate in candidates]
        if not addresses:
            raise TargetForbidden(host, "the name leads nowhere")
        if host.lower() not in self.hosts:
            for address in addresses:
                if not self._is_open(address):
                    raise TargetForbidden(host, "it leads to an address that is not public")
        return str(addresses[0])

    def _is_open(self, address: Address) -> bool:
        return any(address in network for network in self.networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address, and any that is written inside of it, is one of the open internet."""
    return address.is_global and not address.is_multicast and all(map(is_public, _inside(address)))


def _inside(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner: list[Address] = [part for part in (address.ipv4_mapped, address.sixtofour) if part is not None]
    if address.teredo is not None:
        inner += address.teredo
    if address in _NAT64 or address in _NAT64_LOCAL:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return inner


logger = logging.getLogger(__name__)
SECRET_VARIABLE, ALLOW_VARIABLE = "GIORNATA_WEBHOOK_SECRET", "GIORNATA_WEBHOOK_ALLOW"
POSTER = "webhook"  # who did it, in the events
ANSWER_S = 10.0
WHOLE_S = 20.0  # for one post from its first look-up to its last byte
LOOK_S = 1.0
AGAIN_S = (5.0, 30.0, 120.0, 600.0)  # after the first try, the second, …; then it is given up
GONE = 410  # the receiver says that it wants no more of this
KINDS = {
    JobEvent.COMPLETE: NotifyKind.FINISHED,
    JobEvent.COMPLETE_WITH_FAILURES: NotifyKind.FINISHED,
    JobEvent.FAIL: NotifyKind.FAILED,
    JobEvent.REJECT: NotifyKind.FAILED,
    JobEvent.CANARY: NotifyKind.PAUSED,
}


@dataclass(frozen=True)
class Posted:
    """How one post went; `again` is whether another try may help."""

    sent: bool
    words: str
    again: bool = True


class Outbox(threading.Thread):
    """Turns events into notices and posts those that are due, once a second, until told to end."""

    def __init__(
        self,
        store: JobStore,
        *,
        secret: str,
        rule: TargetRule | None = None,
        again_s: tuple[float, ...] = AGAIN_S,
        look_s: float = LOOK_S,
    ) -> None:
        super().__init__(name="outbox", daemon=True)
        self._store, self._key, self._rule = store, signing_key(secret), rule or TargetRule()
        self._again_s, self._look_s = again_s, look_s
        self._ended = threading.Event()

    def run(self) -> None:
        """Post until told to end; a database that is away only delays."""
        while not self._ended.wait(self._look_s):
            try:
                self.collect()
                self.post_due()
            except StoreUnavailable as error:
                logger.warning("webhooks wait: %s", error)

    def end(self) -> None:
        """Post no more notices, and wait for those on their way."""
        self._ended.set()
        if self.is_alive():
            self.join()

    def collect(self) -> int:
        """Store a notice for every new event that a spec asks for; how many notices."""
        cursor = int(self._store.events.setting(NOTICE_CURSOR) or 0)
        events = self._store.events.page(after=cursor, kinds=[str(kind) for kind in KINDS])
        if not events:
            return 0
        rows = [row for event in events for row in self._rows(event)]
        self._store.events.add_notices(rows, cursor=events[-1].event_id)
        return len(rows)

    def post_due(self) -> int:
        """Post the notices that are due, all at the same time; how many notices."""
        due = self._store.events.due_notices()
        if due:
            for notice, posted in zip(due, asyncio.run(self._post_all(due)), strict=True):
                self._settle(notice, posted)
        return len(due)

    def _rows(self, event: EventRecord) -> Iterable[tuple[str, str, str, str]]:
        try:
            record = self._store.jobs.get(event.job_id)
        except UnknownJob:
            return
        kind = KINDS[JobEvent(event.kind)]
        data = {
            "job_id": event.job_id,
            "name": record.name,
            "event": event.kind,
            "reason": event.detail,
            "counts": {str(state): count for state, count in record.snapshot.counts.items()},
        }
        at = datetime.fromtimestamp(event.at, UTC).isoformat()
        body = json.dumps({"type": f"job.{kind}", "timestamp": at, "data": data})
        for webhook in record.spec.notify:
            if kind in webhook.on:
                yield event.job_id, webhook.url, str(kind), body

    async def _post_all(self, due: list[NoticeRecord]) -> list[Posted]:
        return await asyncio.gather(*map(self._post, due))

    async def _post(self, notice: NoticeRecord) -> Posted:
        if not self._key:
            return Posted(False, f"needed {SECRET_VARIABLE} to sign it", again=False)
        try:
            async with asyncio.timeout(WHOLE_S):
                return await self._send(notice)
        except TargetForbidden as error:
            return Posted(False, error.args[1], again=False)
        except TimeoutError:
            return Posted(False, f"no answer in {WHOLE_S:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ServiceError) as error:
            return Posted(False, one_line(str(error)) or type(error).__name__)

    async def _send(self, notice: NoticeRecord) -> Posted:
        url = httpx.URL(notice.url)
        address = await self._address(url)
        headers = signed(f"msg_{notice.job_id}_{notice.notice_id}", notice.body, self._key)
        # To the very address that was checked: asking for the name again could lead elsewhere.
        target = url.copy_with(host=address)
        request = {"content": notice.body.encode(), "extensions": {"sni_hostname": url.host}}
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=ANSWER_S) as client,
            client.stream("POST", target, headers=headers | {"host": _host(url)}, **request) as answer,  # type: ignore[arg-type]
        ):
            message = f"status {answer.status_code}"
            return Posted(answer.is_success, message, again=answer.status_code != GONE)

    async def _address(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        entries = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        return self._rule.choose(url.host, [str(entry[4][0]) for entry in entries])

    def _settle(self, notice: NoticeRecord, posted: Posted) -> None:
        last = notice.tries >= len(self._again_s) or not posted.again
        again_s = None if posted.sent or last else self._again_s[notice.tries]
        self._store.events.settle_notice(
            notice.notice_id, sent=posted.sent, error="" if posted.sent else posted.words, again_in_s=again_s
        )
        how = "sent" if posted.sent else "given up" if again_s is None else f"again in {again_s:g} s"
        # The host alone: the rest of an address may hold what only its owner should know.
        detail = f"{notice.kind} to {httpx.URL(notice.url).host}: {posted.words}, {how}"
        self._store.events.append("webhook", actor=POSTER, detail=detail, job_id=notice.job_id)


def signing_key(secret: str) -> bytes:
    """The key of a secret: the bytes of `whsec_` and base64, or the letters themselves."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def signed(message_id: str, body: str, key: bytes, *, at_s: float | None = None) -> dict[str, str]:
    """The headers of a message by Standard Webhooks, version 1: HMAC-SHA256 over id, time and body."""
    stamp = str(int(time.time() if at_s is None else at_s))
    digest = hmac.new(key, f"{message_id}.{stamp}.{body}".encode(), hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "giornata",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _host(url: httpx.URL) -> str:
    name = f"[{url.host}]" if ":" in url.host else url.host
    return name if url.port is None else f"{name}:{url.port}"
