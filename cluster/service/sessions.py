"""Sign-ins of browsers: a cookie sealed by a token's own hash, which every service with that token knows.

Nothing is kept: a service that restarts, or its standby, lets people stay; a token that is gone ends them.
"""

import hashlib
import hmac
import secrets

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
        words = f"{self.mark}.{int(now + LASTS_S)}.{secrets.token_hex(8)}"
        return f"{words}.{self._sealed('cookie', words)}"

    def knows(self, cookie: str, *, now: float) -> bool:
        """Whether this token made `cookie`, not too long ago."""
        words, _, sealed = cookie.rpartition(".")
        parts = words.split(".")
        if len(parts) != 3 or len(cookie) > _LONGEST or not cookie.isascii():
            return False
        right = hmac.compare_digest(sealed, self._sealed("cookie", words))
        return right and parts[0] == self.mark and parts[1].isdigit() and now < int(parts[1])

    def csrf(self, cookie: str) -> str:
        """What a change asked for with `cookie` has to say beside it; pages elsewhere cannot read it."""
        return self._sealed("csrf", cookie)

    def _sealed(self, purpose: str, words: str) -> str:
        return hmac.digest(self._key, f"{purpose}:{words}".encode(), "sha256").hex()


def random_seal() -> Seal:
    """For a service without tokens, where everyone is the same person."""
    return Seal(hashlib.sha256(secrets.token_bytes(32)).digest())
