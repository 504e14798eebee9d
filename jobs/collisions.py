"""Finding targets that would fall on each other or on a source, in memory a million names do not grow."""

import hashlib
import sqlite3
from types import TracebackType
from typing import Self

from giornata.jobs.naming import fold

CACHE_KIB = 16_384  # what the index may hold in memory; the rest goes to a temporary file


class TargetIndex:
    """The names seen so far, case-folded and NFC, in a database without a name that goes away on close."""

    def __init__(self) -> None:
        self._names = sqlite3.connect("", isolation_level=None)
        self._names.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._names.execute("PRAGMA journal_mode = OFF")
        self._names.execute("CREATE TABLE target (key BLOB PRIMARY KEY, by TEXT NOT NULL) WITHOUT ROWID")
        self._names.execute("CREATE TABLE source (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._names.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._names.close()

    def add_source(self, source: str) -> str | None:
        """Note a picture that is read; the description of the target that would overwrite it, if any.

        One that is known is not looked at again.
        """
        added = self._names.execute("INSERT OR IGNORE INTO source VALUES (?)", (_key(source),))
        return self._taken_by(source) if added.rowcount else None

    def add_target(self, target: str, *, by: str) -> str | None:
        """Note a target; what it falls on, in words, or nothing. `by` describes who wants it."""
        if self._names.execute("SELECT 1 FROM source WHERE key = ?", (_key(target),)).fetchone():
            return "a source picture"
        earlier = self._taken_by(target)
        if earlier is None:
            self._names.execute("INSERT INTO target VALUES (?, ?)", (_key(target), by))
        return earlier

    def _taken_by(self, name: str) -> str | None:
        found = self._names.execute("SELECT by FROM target WHERE key = ?", (_key(name),)).fetchone()
        return str(found[0]) if found else None


def _key(name: str) -> bytes:
    return hashlib.blake2b(fold(name).encode(), digest_size=16).digest()
