"""Opening the store's database and its transactions, and saying in our words what a driver could not do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import URL, Connection, insert, inspect, make_url, select, text, update
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from giornata.jobs.errors import StoreUnavailable
from giornata.jobs.store import sql as dialects
from giornata.jobs.store.migrations import steps_from
from giornata.jobs.store.schema import SCHEMA_VERSION, metadata, setting

QUICK_CHECK_BYTES = 256 * 1024 * 1024  # a whole check reads every index against its table
_VERSION = "schema_version"
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class Database:
    """An open database with the store's tables. Reads and writes are whole transactions."""

    def __init__(self, place: str | Path) -> None:
        """Open or create the store at `place`: a file on a local disk, or a URL."""
        self.url = _url(place)
        self.path = Path(self.url.database or "") if dialects.is_sqlite(self.url) else None
        self.name = str(self.path) if self.path else self.url.render_as_string(hide_password=True)
        # Threads of one process take turns here; SQLite itself would let the unlucky one sleep and miss.
        self._turn = threading.Lock() if self.path else nullcontext()
        try:
            self.engine = dialects.open_engine(self.url)
        except (OSError, ImportError) as error:
            raise StoreUnavailable(self.name, _missing(error)) from error
        self._reader = self.engine.execution_options(**dialects.reading(self.url))
        try:
            self._open()
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite it holds the write lock from its first statement."""
        with self.translated(), self._turn, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and blocks no writer."""
        with self.translated(), self._reader.begin() as connection:
            yield connection

    def check(self) -> None:
        """Look for damage. Raises `StoreUnavailable` that says what is broken and what to do."""
        if self.path is None:
            with self.read() as connection:
                connection.scalar(select(setting.c.value).limit(1))
            return
        kind = "integrity_check" if self.path.stat().st_size <= QUICK_CHECK_BYTES else "quick_check"
        with self.read() as connection:
            report = connection.exec_driver_sql(f"PRAGMA {kind}(1)").scalar()
            orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if report != "ok" or orphan:
            damage = report if report != "ok" else f"a row of {orphan[0]} belongs to nothing"  # type: ignore[index]
            raise StoreUnavailable(
                self.name,
                f"the file is damaged ({damage}); restore a backup, or move it away and submit again",
            )

    def close(self) -> None:
        """Close every connection; what SQLite keeps in a second file goes back into the first."""
        if self.path is not None:
            self._checkpoint()
        self.engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the database's errors into `StoreUnavailable`."""
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreUnavailable(self.name, dialects.reason(error), dialects.is_transient(error)) from error

    def _checkpoint(self) -> None:
        try:
            with self.engine.connect() as connection:
                raw = connection.connection.driver_connection
                if raw is not None:
                    # Another process may be reading: then it is that one's to do.
                    raw.execute("PRAGMA busy_timeout = 0")
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except SQLAlchemyError:
            pass

    def _open(self) -> None:
        with self.read() as connection:
            stored_version = _version(connection)
        if stored_version == SCHEMA_VERSION:
            return
        with self.write() as connection:
            dialects.create_alone(connection)
            stored_version = _version(connection)
            if stored_version is None:
                metadata.create_all(connection)
                connection.execute(insert(setting).values(key=_VERSION, value=str(SCHEMA_VERSION)))
            else:
                self._migrate(connection, stored_version)

    def _migrate(self, connection: Connection, stored_version: int) -> None:
        steps = steps_from(stored_version)
        if steps is None:
            raise StoreUnavailable(self.name, f"got schema version {stored_version}, needed {SCHEMA_VERSION}")
        for step in steps:
            connection.execute(text(step))
        version = update(setting).where(setting.c.key == _VERSION)
        connection.execute(version.values(value=str(SCHEMA_VERSION)))


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(setting.name):
        return None
    value = connection.scalar(select(setting.c.value).where(setting.c.key == _VERSION))
    return int(value) if value else None


def _url(place: str | Path) -> URL:
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(place)
        driver = _DRIVERS[url.get_backend_name()]
    except (ArgumentError, NoSuchModuleError, KeyError) as error:
        shown = place.split("://")[0]
        needed = "a path, sqlite:///FILE or postgresql+psycopg://…"
        raise StoreUnavailable(shown, f"got a URL of kind {shown!r}, needed {needed}") from error
    if driver == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreUnavailable(place, "got no file name, needed sqlite:///FILE")
    return url.set(drivername=driver)


def _missing(error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"{error}; needed the driver: pip install 'giornata[postgresql]'"
    return dialects.reason(error)
