"""`giornata run` as a person uses it: a batch with a broken file, a batch that is interrupted."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pyvips
import skimage.data

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]


def write_batch(folder: Path, *, copies: int, styles: str) -> None:
    inputs = folder / "in"
    inputs.mkdir()
    photo = pyvips.Image.new_from_array(skimage.data.coffee())
    for number in range(copies):
        photo.crop(number, number, 320, 240).pngsave(str(inputs / f"photo{number}.png"))
    (folder / "job.yaml").write_text(
        f"name: batch\ninputs: [in]\nstyles: [{styles}]\ndestination: out\nrender: {{tile: 128}}\n"
    )


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "GIORNATA_HOME": str(folder / "home")}
    command = [*WORDS, "run", "job.yaml", "--workers", "2", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_broken_file_costs_only_itself_and_a_second_run_repeats_nothing(tmp_path: Path) -> None:
    write_batch(tmp_path, copies=2, styles="udnie, great-wave")
    (tmp_path / "in" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    process = start(tmp_path, "--json")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 104, err
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["event"] == "ended"
    assert events[-1]["counts"]["done"] == 4
    by_state = {row["state"] for row in rows(tmp_path)}
    assert by_state == {"done", "quarantined"}
    for row in rows(tmp_path):
        if row["state"] == "done":
            assert hashlib.sha256(Path(row["target"]).read_bytes()).hexdigest() == row["sha256"]
        else:
            assert row["reason"]
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    again = start(tmp_path)
    out, err = again.communicate(timeout=200)
    assert again.returncode == 104, err
    assert "torn.jpg" in out
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}


def test_an_interrupted_batch_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    write_batch(tmp_path, copies=12, styles="udnie, starry-night")
    first = start(tmp_path)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=120)
    assert first.returncode == 101, err
    assert "giornata run job.yaml" in out
    delivered = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert 0 < len(delivered) < 24
    second = start(tmp_path)
    out, err = second.communicate(timeout=200)
    assert second.returncode == 0, err
    everything = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert len(everything) == 24
    assert all(everything[path] == moment for path, moment in delivered.items())
    assert not [path for path in (tmp_path / "out").rglob("*") if ".part" in path.name]
