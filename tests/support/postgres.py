"""A real PostgreSQL server on a port of its own, under a user of its own, while the tests need it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

PLACES = "/usr/lib/postgresql"  # where Debian's package puts its programs, a folder for each version
USER = "postgres"
START_S = 30
_CONFIG = {
    # Nothing has to outlive the tests.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


def missing() -> str:
    """Why there can be no server here; empty when there can."""
    if _programs() is None:
        return f"no PostgreSQL server below {PLACES}: install Debian's package postgresql"
    if os.geteuid() == 0 and not _has_user():
        return f"PostgreSQL refuses to run as root, and there is no user {USER}"
    return ""


@contextmanager
def running() -> Iterator["PostgresServer"]:
    """A server that is stopped, and its files removed, at the end."""
    folder = Path(tempfile.mkdtemp(prefix="giornata-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    server = PostgresServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class PostgresServer:
    """A server whose files live in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {**_CONFIG, "port": str(self._port), "unix_socket_directories": str(self._folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            command = self._command("postgres", "-D", str(self._data), *options)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        until = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError((self._folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, and every connection to it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_S)
            self._process = None

    def new_database(self) -> str:
        """The URL of a new empty database."""
        self._databases += 1
        name = f"store_{self._databases}"
        self.do(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove it, whoever still looks at it."""
        self.do(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def do(self, statement: str) -> None:
        """Run one statement outside of any store."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _address(self) -> str:
        return f"host=127.0.0.1 port={self._port} user={USER} dbname=postgres"

    def _answers(self) -> bool:
        try:
            self.do("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str) -> None:
        done = subprocess.run(self._command(*command), capture_output=True, cwd=self._folder)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())

    def _command(self, program: str, *arguments: str) -> list[str]:
        programs = _programs()
        assert programs is not None
        # With its parent gone, however that came about, the server goes too.
        changed = ["setpriv", "--pdeathsig", "INT"]
        if os.geteuid() == 0:
            changed += [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        return [*changed, str(programs / program), *arguments]


def _programs() -> Path | None:
    found = [place.parent for place in Path(PLACES).glob("*/bin/postgres")]
    return max(found, key=lambda place: float(place.parent.name), default=None)


def _has_user() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
