"""Authentication: tokens with names and roles, sealed cookies of browsers, addresses and hosts of a service.

Cookies are sealed by the hash of their token, so they outlive a restart and are valid at a standby; removing
the token ends them.
"""

import getpass
import hashlib
import hmac
import ipaddress
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from giornata.cluster.errors import UnsafeService
from giornata.jobs.spec.enums import listed

COOKIE = "giornata"
CSRF_HEADER = "x-giornata-csrf"
LASTS_S = 12 * 3600.0
_LONGEST = 200


class Seal:
    """Makes and knows the cookies of one token, given its digest."""

    def __init__(self, digest: bytes) -> None:
        self._key = hmac.digest(digest, b"giornata session", "sha256")
        self.mark = hmac.digest(self._key, b"mark", "sha256").hex()[:16]

    def cookie(self, *, now: float) -> str:
        """A cookie that holds for `LASTS_S`."""
        payload = f"{self.mark}.{int(now + LASTS_S)}.{secrets.token_hex(8)}"
        return f"{payload}.{self._sealed('cookie', payload)}"

    def knows(self, cookie: str, *, now: float) -> bool:
        """Whether this token made `cookie`, not too long ago."""
        payload, _, sealed = cookie.rpartition(".")
        parts = payload.split(".")
        if len(parts) != 3 or len(cookie) > _LONGEST or not cookie.isascii():
            return False
        right = hmac.compare_digest(sealed, self._sealed("cookie", payload))
        return right and parts[0] == self.mark and parts[1].isdigit() and now < int(parts[1])

    def csrf(self, cookie: str) -> str:
        """The CSRF token that a change has to send beside `cookie`; pages elsewhere cannot read it."""
        return self._sealed("csrf", cookie)

    def _sealed(self, purpose: str, message: str) -> str:
        return hmac.digest(self._key, f"{purpose}:{message}".encode(), "sha256").hex()


def random_seal() -> Seal:
    """For a service without tokens, where everyone is the same person."""
    return Seal(hashlib.sha256(secrets.token_bytes(32)).digest())


LOCAL = "local"  # who asks, where no token is needed
TOKEN_VARIABLE, VIEW_VARIABLE = "GIORNATA_TOKEN", "GIORNATA_VIEW_TOKEN"
SHORTEST = 16  # letters; what can be guessed is no token
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,60}")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class AccessRole(StrEnum):
    """What a token may do: look, or look and change."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Person:
    """The person of a request: the name of the token, and its role."""

    name: str
    role: AccessRole


@dataclass(frozen=True)
class _Token:
    digest: bytes
    person: Person

    @property
    def seal(self) -> Seal:
        return Seal(self.digest)


@dataclass(frozen=True)
class SignedIn:
    """The person of a browser's request; `csrf` has to come with every change."""

    person: Person
    csrf: str


class Access:
    """Decides who a request is from. Without tokens everyone is an operator called `local`."""

    def __init__(self, tokens: Iterable[tuple[str, Person]] = (), *, hosts: Iterable[str] = ()) -> None:
        self._tokens = tuple(_Token(_digest(secret), person) for secret, person in tokens)
        self._hosts = _LOOPBACK_NAMES | {host.lower() for host in hosts}
        self._open_seal = random_seal()

    @property
    def needs_token(self) -> bool:
        """Whether a request without a token is refused."""
        return bool(self._tokens)

    def person(self, authorization: str) -> Person | None:
        """The person of an `Authorization` header; None for a token that nobody has.

        Every token is compared in constant time, so the time of an answer says nothing about any of them.
        """
        if not self._tokens:
            return Person(LOCAL, AccessRole.OPERATOR)
        scheme, _, given = authorization.partition(" ")
        token = self._token(given.strip() if scheme.lower() == "bearer" else "")
        return token.person if token else None

    def sign_in(self, secret: str, *, now: float) -> str | None:
        """The cookie for a browser whose person knows this token; None for a token that nobody has."""
        token = self._token(secret)
        return token.seal.cookie(now=now) if token else None

    def signed_in(self, cookie: str, *, now: float) -> SignedIn | None:
        """The person of a browser's cookie, or None; everyone is `local` where no token is needed."""
        if not self._tokens:
            return SignedIn(Person(LOCAL, AccessRole.OPERATOR), self._open_seal.csrf(""))
        for token in self._tokens if cookie else ():
            if token.seal.knows(cookie, now=now):
                return SignedIn(token.person, token.seal.csrf(cookie))
        return None

    def _token(self, secret: str) -> _Token | None:
        digest = _digest(secret)
        matches = [token for token in self._tokens if hmac.compare_digest(token.digest, digest)]
        return matches[0] if matches else None

    def knows_host(self, host: str) -> bool:
        """Whether a `Host` header names this service: a page elsewhere whose name leads here does not."""
        name = host.rsplit(":", 1)[0] if re.search(r":\d+$", host) and host != "::1" else host
        return "*" in self._hosts or name.lower() in self._hosts


def choose_access(
    host: str,
    *,
    token_file: Path | None = None,
    allow_hosts: Iterable[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """The access of a service that listens on `host`. Raises `UnsafeService`."""
    tokens = [*_from_environment(environment), *(read_tokens(token_file) if token_file else ())]
    if not is_loopback(host) and not tokens:
        needed = f"needed --token-file or {TOKEN_VARIABLE} where others can reach it"
        raise UnsafeService(f"listening on {host}", needed)
    hosts = {host, *allow_hosts}
    if not is_loopback(host) and not tuple(allow_hosts):
        hosts.add("*")  # every request has to bring a token, which a page elsewhere does not have
    return Access(tokens, hosts=hosts)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_tokens(path: Path) -> list[tuple[str, Person]]:
    """Tokens of a file that is YAML or JSON (a list of name, role, token) or lines of `name:role:token`.

    Raises `UnsafeService`, which quotes no token.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnsafeService(f"reading {path}", getattr(error, "strerror", None) or "not text") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnsafeService(f"reading {path}", "others may read it, needed: chmod 600")
    tokens = [_token(entry, path, number) for number, entry in enumerate(_entries(text, path), start=1)]
    if not tokens:
        raise UnsafeService(f"reading {path}", "got no token, needed lines of name:role:token")
    return tokens


def client_token(path: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The token a client sends: a file's first one, or its only word, or the variable's."""
    if path is None:
        return environment.get(TOKEN_VARIABLE) or environment.get(VIEW_VARIABLE) or None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnsafeService(f"reading {path}", getattr(error, "strerror", None) or "not text") from error
    return text if text and not re.search(r"[\s:{\[]", text) else read_tokens(path)[0][0]


def _entries(text: str, path: Path) -> list[Any]:
    try:
        data = json.loads(text) if text.lstrip().startswith(("[", "{")) else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        raise UnsafeService(f"reading {path}", "neither YAML, nor JSON, nor lines") from None
    if isinstance(data, Mapping):
        data = data.get("tokens")
    if isinstance(data, list):
        return data
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def _token(entry: Any, path: Path, number: int) -> tuple[str, Person]:
    if isinstance(entry, str) and entry.count(":") >= 2:
        name, role, secret = (part.strip() for part in entry.split(":", 2))
    elif isinstance(entry, Mapping):
        name, role, secret = (str(entry.get(key, "")) for key in ("name", "role", "token"))
    else:
        raise UnsafeService(f"reading {path}", f"entry {number}: needed name, role and token")
    if not _NAME.fullmatch(name):
        raise UnsafeService(f"reading {path}", f"entry {number}: needed a name of letters, digits and ._@-")
    if role not in list(AccessRole):
        raise UnsafeService(f"reading {path}", f"entry {number}: needed a role of: {listed(AccessRole)}")
    return _long_enough(secret, f"reading {path} entry {number}"), Person(name, AccessRole(role))


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, Person]]:
    people = {
        TOKEN_VARIABLE: Person(getpass.getuser(), AccessRole.OPERATOR),
        VIEW_VARIABLE: Person("viewer", AccessRole.VIEWER),
    }
    given = ((name, environment.get(name, ""), person) for name, person in people.items())
    return [(_long_enough(secret, f"reading {name}"), person) for name, secret, person in given if secret]


def _long_enough(secret: str, doing: str) -> str:
    if len(secret) < SHORTEST or not secret.isascii() or re.search(r"\s", secret):
        raise UnsafeService(doing, f"needed a token of at least {SHORTEST} letters without spaces")
    return secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
