"""`Runtime`: one running Ray, embedded or a cluster's, from its environment to its orderly end.

`StdoutGuard` keeps standard output for what the program itself prints.
"""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from giornata import __version__
from giornata.cluster.errors import ClusterUnreachable, RayFailedToStart, RayLoadedTooEarly, last_line
from giornata.cluster.settings import ClusterSettings, usable_cpus


class StdoutGuard:
    """Inside the `with`, descriptor 1 and `sys.stdout` lead to standard error; `stream` is the real output.

    Ray writes "(raylet) ..." notices to the driver's standard output from a thread of its own, whatever its
    log settings say; they would sit in the middle of our JSON.
    """

    def __init__(self) -> None:
        self.stream: TextIO = sys.stdout

    def __enter__(self) -> Self:
        self._python_stdout = sys.stdout
        self._python_stdout.flush()
        self._kept_fd = os.dup(1)
        # Line-buffered, so that someone reading the lines through a pipe sees each as it happens.
        encoding = sys.stdout.encoding or "utf-8"
        self.stream = os.fdopen(os.dup(self._kept_fd), "w", buffering=1, encoding=encoding)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout = self._python_stdout
        os.dup2(self._kept_fd, 1)
        os.close(self._kept_fd)
        self.stream.close()
        # A last line after the shutdown, through a guard still held, goes to the real output.
        self.stream = self._python_stdout


TOKEN_FILE = "ray_token"  # noqa: S105 a file's name
CLIENT_SCHEME = "ray://"
KNOCK_S = 5.0  # a port in reach opens in milliseconds; a lost first packet is sent again after one second
AUTH_VARIABLE = "RAY_AUTH_MODE"
QUIET = {
    AUTH_VARIABLE: "token",  # even a local Ray listens on every interface
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_COLOR_PREFIX": "0",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",  # small containers have 64 MB of /dev/shm
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a worker without a GPU share keeps the devices it inherits
}


class Runtime:
    """Inside the `with`, Ray is up; signals stay the caller's, who only has to leave the `with`.

    Print through `out`: with `guard_stdout` it is the real standard output, `sys.stdout` standard error.
    """

    def __init__(self, settings: ClusterSettings, *, guard_stdout: bool = True) -> None:
        self.settings = settings
        self._guard = StdoutGuard() if guard_stdout else None
        self._undo = ExitStack()
        self.dashboard_url: str | None = None

    @property
    def out(self) -> TextIO:
        """The stream of the program's own lines."""
        return self._guard.stream if self._guard else sys.stdout

    def __enter__(self) -> Self:
        """Raises `ClusterUnreachable`, `RayFailedToStart` or `RayLoadedTooEarly`."""
        with ExitStack() as undo:
            if self._guard:
                undo.enter_context(self._guard)
            prepare_environment(self.settings)
            if self.settings.address is not None:
                check_reachable(self.settings.address, timeout_s=self.settings.connect_timeout_s)
            url = start_ray(self.settings)
            undo.callback(stop_ray)
            self.dashboard_url = f"http://{url}" if url else None
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop Ray first, while its last notices still go to standard error, then give the output back."""
        self._undo.close()


def prepare_environment(settings: ClusterSettings) -> None:
    """Put Ray's variables in place; Ray reads them when it is imported, and hands them to its processes.

    For a cluster, what the user has set stays: the cluster's owner decided on the token.
    """
    variables = dict(QUIET)
    if settings.address is not None:
        variables = {name: os.environ.get(name, value) for name, value in variables.items()}
    loaded, mode = "ray" in sys.modules, os.environ.get(AUTH_VARIABLE)
    if loaded and mode != variables[AUTH_VARIABLE]:
        raise RayLoadedTooEarly(AUTH_VARIABLE, mode, variables[AUTH_VARIABLE])
    # A process reads the token once: a second runtime in it, whatever its home, goes on with the first one's.
    is_own = settings.address is None and not loaded
    if is_own or not _has_token(os.environ, Path.home()):
        variables["RAY_AUTH_TOKEN_PATH"] = str(ensure_token(settings.home))
        os.environ.pop("RAY_AUTH_TOKEN", None)  # it would win over the file
    os.environ.update(variables)


def ensure_token(home: Path) -> Path:
    """The private token file under `home`, made on first use and readable by its owner only."""
    path = home / TOKEN_FILE
    home.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        _publish(fresh, path)
    path.chmod(0o600)
    return path


def check_reachable(address: str, *, timeout_s: float) -> None:
    """Check that a head answers at `address`; raises `ClusterUnreachable` within `timeout_s`.

    In a process of its own, because connecting to a silent port blocks for minutes inside Ray, deaf to every
    timeout it offers.
    """
    if address != "auto":
        knock(address, timeout_s=min(timeout_s, KNOCK_S))
    if address.startswith(CLIENT_SCHEME):
        return  # another protocol than the check's, on which Ray gives up after half a minute
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ClusterUnreachable(address, f"no answer in {timeout_s:g} s") from error
    if done.returncode != 0:
        raise ClusterUnreachable(address, last_line(done.stderr) or "the head does not answer")


def knock(address: str, *, timeout_s: float) -> None:
    """Open a connection to `address` and close it; raises `ClusterUnreachable`."""
    host, _, port = address.removeprefix(CLIENT_SCHEME).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
    except (OSError, ValueError) as error:
        raise ClusterUnreachable(address, str(error)) from error


def start_ray(settings: ClusterSettings) -> str | None:
    """Start or join Ray; returns the dashboard's host:port, or None where there is none.

    Raises `ClusterUnreachable` or `RayFailedToStart`.
    """
    # Imported here and in actors.py alone, and never at the top of a file: Ray reads its environment when it
    # is imported, so importing this module must not import Ray.
    import ray

    try:
        context = ray.init(job_config=job_config(settings), **init_arguments(settings))
    except Exception as error:
        if ray.is_initialized():
            ray.shutdown()
        if settings.address is not None:
            raise ClusterUnreachable(settings.address, last_line(str(error))) from error
        raise RayFailedToStart(last_line(str(error))) from error
    return context.dashboard_url or None


def init_arguments(settings: ClusterSettings) -> dict[str, object]:
    """The arguments of `ray.init`; a cluster keeps its own resources."""
    common: dict[str, object] = {"log_to_driver": False, "logging_level": "ERROR"}
    if settings.address is not None:
        return common | {"address": settings.address}
    cpus = max(usable_cpus(Path("/sys/fs/cgroup")), settings.workers * settings.threads_per_worker)
    return common | {
        # Without "local", Ray joins whatever cluster a file in /tmp names, even one long dead.
        "address": "local",
        "num_cpus": cpus,
        "include_dashboard": settings.dashboard,
        "object_store_memory": settings.store_bytes,
    }


def job_config(settings: ClusterSettings) -> object:
    """The job's metadata on Ray's dashboard: the program's version, and the folder of its state."""
    from ray.job_config import JobConfig  # see start_ray

    config = JobConfig()
    config.set_metadata("giornata", __version__)
    config.set_metadata("home", str(settings.home))
    return config


def stop_ray() -> None:
    """End our part of Ray: all of an embedded one, our connection to a cluster's."""
    import ray  # see start_ray

    ray.shutdown()


def _has_token(environment: Mapping[str, str], user_home: Path) -> bool:
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & environment.keys()
    return bool(named) or (user_home / ".ray" / "auth_token").exists()


def _publish(fresh: Path, path: Path) -> None:
    """Give `fresh` its name unless someone was faster; both then use the same token."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
