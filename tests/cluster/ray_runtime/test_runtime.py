"""The runtime: its token, its environment, its errors, and who may write to standard output."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from giornata.cluster.errors import ClusterUnreachable
from giornata.cluster.ray_runtime.runtime import Runtime, ensure_token, init_arguments
from giornata.cluster.settings import ClusterSettings


def settings(home: Path, **fields: object) -> ClusterSettings:
    return ClusterSettings.model_validate({"home": home, "scratch": home / "scratch"} | fields)


def run_script(script: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(home)],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_token_file_is_private_and_stays_the_same(tmp_path: Path) -> None:
    path = ensure_token(tmp_path / "new" / "home")
    token = path.read_text()
    assert re.fullmatch("[0-9a-f]{64}", token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert ensure_token(tmp_path / "new" / "home").read_text() == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_an_embedded_ray_is_always_its_own(tmp_path: Path) -> None:
    arguments = init_arguments(settings(tmp_path, workers=64, threads_per_worker=2))
    assert arguments["address"] == "local"
    assert arguments["num_cpus"] == 128


def test_a_cluster_keeps_its_own_resources(tmp_path: Path) -> None:
    arguments = init_arguments(settings(tmp_path, address="10.0.0.1:6379"))
    assert arguments["address"] == "10.0.0.1:6379"
    assert not {"num_cpus", "object_store_memory"} & arguments.keys()


def test_importing_the_cluster_modules_does_not_import_ray(tmp_path: Path) -> None:
    done = run_script(
        """
        import sys
        from giornata.cluster import settings
        from giornata.cluster.batch import progress
        from giornata.cluster.cli import doctor
        from giornata.cluster.execution import pool, worker
        from giornata.cluster.ray_runtime import actors, runtime
        sys.exit("ray" in sys.modules or "torch" in sys.modules)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_ray_imported_with_another_way_of_authentication_is_refused(tmp_path: Path) -> None:
    done = run_script(
        """
        import sys
        from pathlib import Path
        import ray
        from giornata.cluster.errors import RayLoadedTooEarly
        from giornata.cluster.ray_runtime.runtime import prepare_environment
        from giornata.cluster.settings import ClusterSettings
        home = Path(sys.argv[1])
        try:
            prepare_environment(ClusterSettings(home=home, scratch=home))
        except RayLoadedTooEarly as error:
            print(error)
        """,
        tmp_path,
        RAY_AUTH_MODE="disabled",
    )
    assert "RAY_AUTH_MODE='disabled'" in done.stdout, done.stderr


def test_a_second_runtime_in_a_process_goes_on_with_the_token_of_the_first(tmp_path: Path) -> None:
    """Ray reads the token once: with another one, its new processes would refuse this one after 20 s."""
    done = run_script(
        """
        import os, sys
        from pathlib import Path
        from giornata.cluster.ray_runtime.runtime import prepare_environment
        from giornata.cluster.settings import ClusterSettings
        for name in ("first", "second"):
            home = Path(sys.argv[1]) / name
            prepare_environment(ClusterSettings(home=home, scratch=home))
            import ray
            print(os.environ["RAY_AUTH_TOKEN_PATH"])
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == [str(tmp_path / "first" / "ray_token")] * 2, done.stderr


def test_a_cluster_keeps_the_token_that_its_user_has_set(tmp_path: Path) -> None:
    done = run_script(
        """
        import os, sys
        from pathlib import Path
        from giornata.cluster.ray_runtime.runtime import prepare_environment
        from giornata.cluster.settings import ClusterSettings
        home = Path(sys.argv[1])
        prepare_environment(ClusterSettings(home=home, scratch=home, address="head:6379"))
        print(os.environ["RAY_AUTH_TOKEN_PATH"], os.environ["RAY_AUTH_MODE"], list(home.iterdir()))
        """,
        tmp_path,
        RAY_AUTH_TOKEN_PATH="/etc/theirs",  # noqa: S106 a path
    )
    assert done.stdout.split("\n")[0] == "/etc/theirs token []", done.stderr


def test_a_closed_port_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    before = time.monotonic()
    with pytest.raises(ClusterUnreachable, match=f"{address}.*refused"):
        Runtime(settings(tmp_path, address=address), guard_stdout=False).__enter__()
    assert time.monotonic() - before < 3


def test_a_silent_port_is_told_in_bounded_time_and_standard_output_is_given_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        quick = settings(tmp_path, address=address, connect_timeout_s=4.0)
        before, output = time.monotonic(), sys.stdout
        with pytest.raises(ClusterUnreachable, match="no answer in 4 s"):
            Runtime(quick).__enter__()
    assert time.monotonic() - before < 8
    assert sys.stdout is output


@pytest.mark.parametrize("address", ["nobody", "head:port", "ray://127.0.0.1:1"])
def test_an_address_that_leads_nowhere_is_told_at_once(tmp_path: Path, address: str) -> None:
    with pytest.raises(ClusterUnreachable, match=address):
        Runtime(settings(tmp_path, address=address), guard_stdout=False).__enter__()


@pytest.mark.ray
@pytest.mark.slow
def test_standard_output_stays_clean_when_a_worker_crashes(tmp_path: Path) -> None:
    """The script prints one JSON line; Ray's notice of the crash must not stand beside it."""
    done = run_script(
        """
        import json, os, signal, sys, time
        from pathlib import Path
        from giornata.cluster.ray_runtime.actors import ActorFactory
        from giornata.cluster.execution.pool import Pool
        from giornata.cluster.ray_runtime.runtime import Runtime
        from giornata.cluster.settings import ClusterSettings
        from giornata.cluster.execution.worker import Call

        class Hand:
            def die(self):
                os.kill(os.getpid(), signal.SIGKILL)

        home = Path(sys.argv[1])
        with Runtime(ClusterSettings(home=home, scratch=home, store_bytes=100_000_000)) as runtime:
            with Pool(ActorFactory(Hand, num_cpus=1, prefix="hand"), 1) as pool:
                pool.warm_up(60)
                pool.submit(Call("x", "die"))
                (result,) = pool.collect(30)
                time.sleep(1.5)  # the notice comes through a log monitor, about a second later
                print("a careless print")
                os.write(1, b"a careless library\\n")
                print(json.dumps({"kind": result.kind}), file=runtime.out)
        print("the end", file=runtime.out)
        """,
        tmp_path,
    )
    first, last = done.stdout.splitlines()
    assert json.loads(first) == {"kind": "worker_lost"}
    assert last == "the end"
    assert "a careless print" in done.stderr
    assert "a careless library" in done.stderr
    assert "(raylet)" in done.stderr
