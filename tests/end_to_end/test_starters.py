"""The batches that `giornata init` writes, cut short, from spec to bag as a person runs them."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import bagit
import pytest

from giornata.workers.sheets.contact_sheet import contact_sheet
from tests.support.browsers import DOCS

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "GIORNATA_HOME": str(folder / "home")}
    return subprocess.run(
        [*WORDS, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )


def shortened(folder: Path, name: str, changes: dict[str, str]) -> None:
    assert run(folder, "init", name).returncode == 0
    path = folder / f"{name}.yaml"
    text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_campaign_goes_from_list_to_contact_sheet(tmp_path: Path) -> None:
    changes = {
        "strengths: [0.6, 1.0]": "strengths: [0.8]",
        "  - {mix: {the-scream: 2, starry-night: 1}, strength: 0.7, label: dusk}\n": "",
        "formats: [1.91:1, 1:1, 4:5, 9:16, 16:9]": "formats: [1:1, 9:16]",
        "size: 400": "size: 160",
    }
    shortened(tmp_path, "campaign", changes)
    ended = run(tmp_path, "run", "campaign.yaml", "--workers", "2")
    assert ended.returncode == 0, ended.stderr
    out = tmp_path / "rendered"
    items = rows(out / "manifest.csv")
    assert {(row["ratio"], row["width"], row["height"]) for row in items} == {
        ("1x1", "160", "160"),
        ("9x16", "90", "160"),
    }
    assert all(row["state"] == "done" and int(row["bytes"]) <= 60_000 for row in items)
    assert len(items) == 5  # the square one is not for the French market
    assert len(list((out / "contact-sheets").glob("*.jpg"))) == 2
    assert len(rows(out / "contact-sheets" / "approvals.csv")) == 5
    for line in (out / "manifest-sha256.txt").read_text().splitlines():
        sha256, name = line.split("  ", 1)
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == sha256


def test_a_collection_ends_in_a_bag_and_mends_what_is_damaged(tmp_path: Path) -> None:
    shortened(tmp_path, "heritage", {"max_failed: 100%": "max_failed: 0"})
    table = tmp_path / "collection.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:3]))  # two pages
    ended = run(tmp_path, "run", "heritage.yaml", "--workers", "2")
    assert ended.returncode == 0, ended.stderr
    bagit.Bag(str(tmp_path / "bag")).validate()
    data = tmp_path / "bag" / "data"
    items = rows(data / "manifest.csv")
    assert {Path(row["target"]).parent.name for row in items} == {"master", "access", "iiif"}
    assert all(float(row["ssim"]) >= 0.5 and float(row["strength"]) <= 0.9 for row in items)
    job = json.loads(run(tmp_path, "ls", "--json").stdout)[0]["job_id"]
    before = {row["target"]: row["sha256"] for row in items}
    with (data / "master" / "MOE--1904.1.tif").open("ab") as file:
        file.write(b"x")
    (data / "access" / "MOE--1904.2.jpg").unlink()
    (data / "iiif" / "MOE--1904.1" / "info.json").unlink()
    assert "3 queued again" in run(tmp_path, "verify", job, "--repair").stdout
    again = run(tmp_path, "run", "heritage.yaml", "--workers", "2")
    assert again.returncode == 0, again.stderr
    assert "6 of 6 delivered files are intact" in run(tmp_path, "verify", job).stdout
    assert {row["target"]: row["sha256"] for row in rows(data / "manifest.csv")} == before


def campaign_sheet(folder: Path, target: Path) -> Path:
    """Both photographs of the campaign, each in every shape and in a style of its own."""
    en = folder / "rendered" / "en"
    chosen = [("coffee", "dusk_0.7"), ("astronaut", "great-wave_0.6")]
    shapes = ["1.91x1", "16x9", "1x1", "4x5", "9x16"]
    entries = [(en / f"{name}_{style}_{shape}.jpg", shape) for name, style in chosen for shape in shapes]
    return contact_sheet(entries, target, columns=5, cell_px=240)


def collection_sheet(folder: Path, target: Path) -> Path:
    """The scans of the collection above what was made of them, with the strength that was left of 0.9."""
    masters = [row for row in rows(folder / "bag" / "data" / "manifest.csv") if "/master/" in row["target"]]
    scans = [(Path(row["source"]), Path(row["source"]).parent.name) for row in masters]
    made = [
        (Path(row["target"]), f"{float(row['strength']):.2f}: SSIM {float(row['ssim']):.2f}")
        for row in masters
    ]
    return contact_sheet([*scans, *made], target, columns=4, cell_px=240)


@pytest.mark.skipif(
    "GIORNATA_DOCS" not in os.environ, reason="only with GIORNATA_DOCS: writes pictures to docs/images"
)
def test_the_front_pages_pictures_of_both_uses_are_made(tmp_path: Path) -> None:
    for name, write in (("campaign", campaign_sheet), ("heritage", collection_sheet)):
        folder = tmp_path / name
        folder.mkdir()
        assert run(folder, "init", name).returncode == 0
        assert run(folder, "run", f"{name}.yaml", "--workers", "2").returncode == 0
        assert write(folder, DOCS / f"{name}.jpg").stat().st_size > 10_000
