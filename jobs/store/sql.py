"""Differences between SQLite and PostgreSQL, and statements for many rows, compiled once."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Table, bindparam, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.dml import UpdateBase

BUSY_TIMEOUT_S = 30  # a backup or a second process may hold the database for a while; a batch should wait
LOCK_SPACE = 0x67696F72  # "gior": the advisory locks in PostgreSQL that are ours
_EVENTS_LOCK = 0x65766E74  # "evnt"

# Class 08 connection lost, 40 serialisation and deadlock, 53 out of connections or memory, 57 being shut down
# or over its time; 55P03 a lock that came too late, 25P03 a transaction that idled.
_PASSING_CLASSES = ("08", "40", "53", "57")
_PASSING = ("55P03", "25P03")
# A server that refuses us outright answers without a code; waiting changes none of these.
_REFUSALS = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied")

_SESSION = {
    "statement_timeout": "120s",
    "lock_timeout": f"{BUSY_TIMEOUT_S}s",
    "idle_in_transaction_session_timeout": "120s",
    # A manager on a host that lost its power must not hold its lock for the two hours of TCP's own patience.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# The same from our side: a server that lost its power is noticed, and the one after it is asked.
_KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_POOL = {"pool_size": 5, "max_overflow": 40, "pool_timeout": BUSY_TIMEOUT_S}

Insert = sqlite.Insert | postgresql.Insert


def open_engine(url: URL) -> Engine:
    """An engine for a store. Raises `ImportError` when the driver is missing."""
    return _sqlite(url) if is_sqlite(url) else _postgresql(url)


def is_sqlite(url: URL) -> bool:
    """Whether the store is a file."""
    return url.get_backend_name() == "sqlite"


def reading(url: URL) -> dict[str, Any]:
    """The options of a connection that only reads, and sees one moment however many statements it takes."""
    if is_sqlite(url):
        return {"begin": "DEFERRED"}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def insert_into(dialect: str, table: Table) -> Insert:
    """An insert that may say what happens on conflict; both databases know the same words."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or update those whose primary key is there already."""
    if rows:
        statement = insert_into(connection.dialect.name, table)
        keys = [column.name for column in table.primary_key]
        new = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def commit_in_order(connection: Connection) -> None:
    """Let no later event commit before the ones this transaction is about to write.

    Readers go on from the last event they saw. PostgreSQL gives numbers out before the commit, so two
    transactions could appear in the other order, and a reader would never see the first. Call it last: what
    comes after waits for nobody.
    """
    if not _is_file(connection):
        lock = text("SELECT pg_advisory_xact_lock(:space, :lock)")
        connection.execute(lock, {"space": LOCK_SPACE, "lock": _EVENTS_LOCK})


def create_alone(connection: Connection) -> None:
    """Let one process at a time create or change the tables."""
    if not _is_file(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": LOCK_SPACE})


def is_transient(error: BaseException) -> bool:
    """Whether trying again later may help: a lock, a lost connection, a deadlock, a server that restarts."""
    if isinstance(error, PoolTimeout) or getattr(error, "connection_invalidated", False):
        return True
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        # The low byte is the kind, the rest says more about it.
        return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = getattr(cause, "sqlstate", None)
    if state:
        return state in _PASSING or state.startswith(_PASSING_CLASSES)
    lost = type(cause).__module__.startswith("psycopg") and type(cause).__name__ == "OperationalError"
    return lost and not any(refusal in str(cause) for refusal in _REFUSALS)


def reason(error: BaseException) -> str:
    """A driver's message, on one line."""
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


def _is_file(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _sqlite(url: URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, **_POOL)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, late and deferred; we begin them.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get("begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")


def _postgresql(url: URL) -> Engine:
    arguments: Mapping[str, Any] = {
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
        "application_name": "giornata",
        "connect_timeout": 10,
        **_KEEPALIVE,
        **url.query,
    }
    return create_engine(
        url.set(query={}),
        connect_args=dict(arguments),
        isolation_level="READ COMMITTED",
        # The driver sends rows one after the other without waiting, and says how many were new.
        use_insertmanyvalues=False,
        pool_pre_ping=True,
        **_POOL,
    )


_COUNTED = {"preserve_rowcount": True}


def run_many(connection: Connection, statement: UpdateBase, rows: Sequence[dict[str, Any]]) -> int:
    """Run `statement` for each row of values for its parameters; how many rows of the table it changed.

    The values go to the driver as they are, past the conversions of column types. Statements are kept
    compiled, so they should be few, and made once.
    """
    if not rows:
        return 0
    sql_text, constants, order = _compiled(statement, connection.dialect)
    values: list[Any] = [{**constants, **row} for row in rows]
    if order:
        values = list(map(itemgetter(*order), values))
    return connection.exec_driver_sql(sql_text, values, execution_options=_COUNTED).rowcount


def insert_new(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, unique: str | None = None
) -> int:
    """Insert the rows that are not there already, by primary key or `unique`; how many were new.

    All rows have the same keys. Columns not named get their defaults.
    """
    if not rows:
        return 0
    return run_many(connection, _insertion(table, tuple(rows[0]), connection.dialect.name, unique), rows)


@lru_cache(maxsize=64)
def _insertion(table: Table, names: tuple[str, ...], dialect: str, unique: str | None) -> UpdateBase:
    keys = [unique] if unique else [column.name for column in table.primary_key]
    column_defaults: dict[str, Any] = {
        column.name: column.default for column in table.c if column.default is not None
    }
    defaults = {name: default.arg for name, default in column_defaults.items()}
    statement = insert_into(dialect, table).values({**defaults, **{name: bindparam(name) for name in names}})
    return statement.on_conflict_do_nothing(index_elements=keys)


@lru_cache(maxsize=256)
def _compiled(statement: UpdateBase, dialect: Dialect) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """The SQL text, the values that are the same for all rows, and the driver's order of the others."""
    compiled: Any = statement.compile(dialect=dialect)
    given = {name for name, bind in compiled.binds.items() if bind.required}
    constants = {name: value for name, value in compiled.params.items() if name not in given}
    return str(compiled), constants, tuple(compiled.positiontup or ())
