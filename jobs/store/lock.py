"""`ManagerLock`: who may manage a store; one service alone, or any number of single runs side by side."""

import fcntl
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.store.database import Database
from giornata.jobs.store.sql import LOCK_SPACE

SOMEONE = "another process"
_KEY = {"space": LOCK_SPACE, "lock": 1}
_TAKE = "SELECT pg_try_advisory_lock(:space, :lock)"
_SHARE = "SELECT pg_try_advisory_lock_shared(:space, :lock)"
_SET_NAME = "SELECT set_config('application_name', :name, false)"
_OURS = """
    FROM pg_locks WHERE locktype = 'advisory' AND classid = :space AND objid = :lock AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_IS_MINE = f"SELECT 1 {_OURS} AND pid = pg_backend_pid()"
_WHO = f"SELECT application_name FROM pg_stat_activity WHERE pid IN (SELECT pid {_OURS})"  # noqa: S608 - constants


class ManagerLock(Protocol):
    """One active service per store: `run` shares the lock, the service excludes everyone else.

    It goes with its process, however that ends.
    """

    def acquire(self, *, exclusive: bool) -> bool:
        """Take the lock if it is free; never waits. Raises `StoreUnavailable`."""

    def is_held(self) -> bool:
        """Whether this object still has it; looks, because a connection may have died."""

    def release(self) -> None:
        """Give it back, if it is held."""

    def holder(self) -> str:
        """The name of the holder, in words."""


def manager_lock(database: Database) -> ManagerLock:
    """The lock of a store, not yet taken."""
    return FileLock(database.path) if database.path else ServerLock(database)


class FileLock:
    """A lock on the file beside a store's own; the system takes it from a dead process."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def acquire(self, *, exclusive: bool) -> bool:
        """Take the lock if it is free; never waits. Raises `StoreUnavailable`."""
        self.release()
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreUnavailable(str(self._path), error.strerror or str(error)) from error
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        os.ftruncate(handle, 0)
        os.pwrite(handle, _me(exclusive).encode(), 0)
        return True

    def is_held(self) -> bool:
        """Whether this object still has it; not when the file was removed, and the next one makes its own."""
        if self._handle is None:
            return False
        try:
            status = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(status, os.fstat(self._handle))

    def release(self) -> None:
        """Give it back, if it is held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def holder(self) -> str:
        """The name that was written into the file last."""
        try:
            return self._path.read_text(encoding="utf-8").strip() or SOMEONE
        except OSError:
            return SOMEONE


class ServerLock:
    """An advisory lock of a PostgreSQL server, on a connection of its own; it ends with that connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def acquire(self, *, exclusive: bool) -> bool:
        """Take the lock if it is free; never waits. Raises `StoreUnavailable`."""
        self.release()
        with self._database.translated():
            connection = self._database.engine.connect()
            try:
                # In no transaction, which the server would end for idling; and not the pool's any more.
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.detach()
                is_acquired = bool(connection.scalar(text(_TAKE if exclusive else _SHARE), _KEY))
                if is_acquired:
                    connection.execute(text(_SET_NAME), {"name": _me(exclusive)[:63]})
            except BaseException:
                connection.close()
                raise
        if not is_acquired:
            connection.close()
            return False
        self._connection = connection
        return True

    def is_held(self) -> bool:
        """Whether this object still has it; asks the server."""
        if self._connection is None:
            return False
        try:
            held = self._connection.scalar(text(_IS_MINE), _KEY) is not None
        except SQLAlchemyError:
            held = False
        if not held:
            self.release()
        return held

    def release(self) -> None:
        """Give it back, if it is held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                connection.invalidate()

    def holder(self) -> str:
        """The name that the holder's connection has, or that of one of several."""
        with self._database.read() as connection:
            return connection.scalar(text(_WHO), _KEY) or SOMEONE


def _me(exclusive: bool) -> str:
    kind = "service" if exclusive else "run"
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
    return f"giornata {kind}, process {os.getpid()} on {socket.gethostname()[:20]} since {since}"
