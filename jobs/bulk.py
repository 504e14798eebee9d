"""Running one statement for many rows, compiled once, because compiling costs more than a row does."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam
from sqlalchemy.sql.dml import UpdateBase

from giornata.jobs.dialects import insert_into

_COUNTED = {"preserve_rowcount": True}


def run_many(connection: Connection, statement: UpdateBase, rows: Sequence[dict[str, Any]]) -> int:
    """Run `statement` for each row of values for its parameters; how many rows of the table it changed.

    The values go to the driver as they are, past what column types would make of them. Statements are kept
    compiled, so they should be few, and made once.
    """
    if not rows:
        return 0
    words, constants, order = _compiled(statement, connection.dialect)
    values: list[Any] = [{**constants, **row} for row in rows]
    if order:
        values = list(map(itemgetter(*order), values))
    return connection.exec_driver_sql(words, values, execution_options=_COUNTED).rowcount


def insert_new(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, unique: str | None = None
) -> int:
    """Insert the rows that are not there already, by primary key or `unique`; how many there were.

    All rows have the same keys. Columns not named get their defaults.
    """
    if not rows:
        return 0
    return run_many(connection, _insertion(table, tuple(rows[0]), connection.dialect.name, unique), rows)


@lru_cache(maxsize=64)
def _insertion(table: Table, names: tuple[str, ...], dialect: str, unique: str | None) -> UpdateBase:
    keys = [unique] if unique else [column.name for column in table.primary_key]
    found: dict[str, Any] = {column.name: column.default for column in table.c if column.default is not None}
    defaults = {name: default.arg for name, default in found.items()}
    statement = insert_into(dialect, table).values({**defaults, **{name: bindparam(name) for name in names}})
    return statement.on_conflict_do_nothing(index_elements=keys)


@lru_cache(maxsize=256)
def _compiled(statement: UpdateBase, dialect: Dialect) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """The driver's words, the values that are the same for all rows, and the order the driver wants."""
    compiled: Any = statement.compile(dialect=dialect)
    given = {name for name, bind in compiled.binds.items() if bind.required}
    constants = {name: value for name, value in compiled.params.items() if name not in given}
    return str(compiled), constants, tuple(compiled.positiontup or ())
