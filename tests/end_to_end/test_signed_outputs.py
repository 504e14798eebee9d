"""Signed outputs as a person asks for them: a job says `credentials`, and the environment names a key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips
import skimage.data

from giornata.jobs.planning.validate import CERTIFICATE_VARIABLE, KEY_VARIABLE
from tests.workers.signers import signer

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]
c2pa = pytest.importorskip("c2pa", reason="needs the extra c2pa")
pytest.importorskip("cryptography", reason="certificates are made with it")
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]
REJECTED = 105


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """One photograph, to be delivered signed as PNG and as a pyramid."""
    (tmp_path / "in").mkdir()
    photo = pyvips.Image.new_from_array(skimage.data.coffee())
    photo.crop(0, 0, 320, 240).jpegsave(str(tmp_path / "in" / "coffee.jpg"))
    job = {
        "name": "signed",
        "inputs": ["in"],
        "styles": ["udnie"],
        "destination": "out",
        "outputs": [{"format": "png"}, {"format": "tiff", "pyramid": True}],
        "metadata": {"credentials": True},
    }
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    return tmp_path


def giornata(folder: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "GIORNATA_HOME": str(folder / "home"), **more}
    return subprocess.run(
        [*WORDS, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def state_of(target: Path, kind: str) -> str:
    with target.open("rb") as asset:
        reader = c2pa.Reader(kind, asset, target.with_name(target.name + ".c2pa").read_bytes())
        with reader:
            found: str = reader.get_validation_state()
            return found


def test_outputs_of_a_job_are_signed_and_the_key_is_nowhere_but_in_its_file(batch: Path) -> None:
    keys = batch / "keys"
    keys.mkdir()
    signing = signer(keys)
    named = {CERTIFICATE_VARIABLE: str(signing.certificates), KEY_VARIABLE: str(signing.key)}
    done = giornata(batch, "run", "job.yaml", "--json", "--workers", "1", **named)
    assert done.returncode == 0, done.stderr
    out = batch / "out"
    assert state_of(out / "coffee_udnie.png", "image/png") == "Valid"
    assert state_of(out / "coffee_udnie.tif", "image/tiff") == "Valid"
    assert not [path for path in out.rglob("*") if ".part" in path.name]
    job_id = json.loads(done.stdout.splitlines()[0])["job"]
    checked = giornata(batch, "verify", job_id, "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["strays"] == []
    left = giornata(batch, "gc", "--json")
    assert "c2pa" not in left.stdout
    secrets = (str(signing.key).encode(), signing.key.read_bytes().splitlines()[1])
    written = [path for path in (*(batch / "home").rglob("*"), *out.rglob("*")) if path.is_file()]
    assert not [path for path in written if any(secret in path.read_bytes() for secret in secrets)]
    assert not any(secret.decode() in done.stdout + done.stderr for secret in secrets)


def test_without_a_key_the_job_is_refused_in_one_line(batch: Path) -> None:
    done = giornata(batch, "run", "job.yaml", **{KEY_VARIABLE: "", CERTIFICATE_VARIABLE: ""})
    assert done.returncode == REJECTED
    assert f"{KEY_VARIABLE} is not set, needed the path of a PEM file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(batch.glob("out/**/*.*"))
