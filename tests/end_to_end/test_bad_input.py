"""What people see when they write something wrong: a line or two, the right exit code, nothing rendered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "giornata.cluster.cli.main"]


def run(folder: Path, verb: str, text: str, *words: str) -> "subprocess.CompletedProcess[str]":
    (folder / "job.yaml").write_text(text)
    return subprocess.run(
        [*COMMAND, verb, "job.yaml", *words],
        cwd=folder,
        env={**os.environ, "GIORNATA_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ("destinaton: out", 2, "line 4, destinaton: unknown key; did you mean 'destination'?"),
        ("destination: out\nstyles: [again]", 2, "styles"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(tmp_path: Path, changed: str, code: int, words: str) -> None:
    (tmp_path / "in").mkdir()
    done = run(tmp_path, "run", f"name: batch\ninputs: [in]\nstyles: [udnie]\n{changed}\n")
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize(
    ("inputs", "style", "words"),
    [
        ("nowhere", "udnie", "listing input nowhere: nothing is there"),
        ("in", "udnei", "unknown style 'udnei'; did you mean 'udnie'?"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_starts(
    tmp_path: Path, inputs: str, style: str, words: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"never looked at")
    text = f"name: batch\ninputs: [{inputs}]\nstyles: [{style}]\ndestination: out\n"
    done = run(tmp_path, "run", text)
    assert (done.returncode, done.stdout) == (105, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
