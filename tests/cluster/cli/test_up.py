"""A real service: a batch is submitted and rendered, also when the service it was handed to is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pyvips
import skimage.data

from giornata.cluster.cli.exits import Exit
from giornata.cluster.service.client import Client

pytestmark = [pytest.mark.ray, pytest.mark.slow]
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]
PATIENCE_S = 120


@contextmanager
def service(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    words = [*WORDS, "up", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        yield process, line.split("listening on ")[1].split(",")[0].strip()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def reached(url: str, role: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    with Client(url) as client:
        while client.health().role != role and time.monotonic() < deadline:
            time.sleep(0.2)
        return client.health().role == role


def test_a_batch_outlives_the_service_it_was_handed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIORNATA_HOME", str(tmp_path / "home"))
    for name in ("GIORNATA_URL", "GIORNATA_TOKEN", "GIORNATA_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "scans").mkdir()
    small = pyvips.Image.new_from_array(skimage.data.chelsea()).resize(0.3)
    for number in range(4):
        small.pngsave(str(tmp_path / "scans" / f"cat-{number}.png"))
    spec = tmp_path / "job.yaml"
    spec.write_text("name: cats\ninputs: scans\nstyles: [udnie]\ndestination: out\n")
    with service(tmp_path) as (first, url), service(tmp_path) as (second, other):
        assert reached(url, "active")
        assert reached(other, "standby")
        done = subprocess.run([*WORDS, "submit", str(spec), "--url", url], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        first.kill()
        first.wait(timeout=30)
        assert reached(other, "active")
        words = [*WORDS, "wait", done.stdout.strip(), "--url", other, "--timeout", str(PATIENCE_S)]
        assert subprocess.run(words, env=os.environ).returncode == Exit.DONE
        assert len(list((tmp_path / "out").glob("cat-*.png"))) == 4
    assert second.returncode == 0
    assert (tmp_path / "out" / "manifest.csv").exists()
