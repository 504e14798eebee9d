"""Opening the store's database and its transactions; the only file that knows which database it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.schema import SCHEMA_VERSION, metadata, setting

BUSY_TIMEOUT_S = 30  # a backup or a second process may hold the file for a while; a batch should wait
_VERSION = "schema_version"


class Database:
    """An open database with the store's tables. Reads and writes are whole transactions."""

    def __init__(self, path: Path) -> None:
        """Open or create the SQLite file `path` on a local disk. Raises `StoreUnavailable`."""
        self.name = str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = _sqlite(path)
            self._create()
        except (OSError, SQLAlchemyError, sqlite3.Error) as error:
            raise StoreUnavailable(self.name, _reason(error)) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and blocks no writer."""
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(begin="DEFERRED")
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise StoreUnavailable(self.name, _reason(error)) from error

    def _create(self) -> None:
        with self._engine.begin() as connection:
            metadata.create_all(connection)
            found = connection.scalar(select(setting.c.value).where(setting.c.key == _VERSION))
            if found is None:
                connection.execute(insert(setting).values(key=_VERSION, value=str(SCHEMA_VERSION)))
            elif found != str(SCHEMA_VERSION):
                raise StoreUnavailable(self.name, f"got schema version {found}, needed {SCHEMA_VERSION}")


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, late and deferred; we begin them.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get("begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__
