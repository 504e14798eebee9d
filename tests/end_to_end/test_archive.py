"""A folder as archives have them, through `giornata run`: every file is delivered or told why not.

The files are not part of the repository; see GIORNATA_TEST_DATA. GIORNATA_ARCHIVE_PIXELS raises the size up
to which they are rendered here, for a machine with time.
"""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]
WORDS = [sys.executable, "-m", "giornata.cluster.cli.main"]
BESIDE_THE_REPOSITORY = Path(__file__).parents[3] / "shared" / "data"
FOLDERS = ("odd", "scans")
RENDERED_PIXELS = int(os.environ.get("GIORNATA_ARCHIVE_PIXELS", "500000"))
COMPLETED_WITH_FAILURES = 104
SECONDS = 1700
# What a person does not read: names of classes and parts, codes, addresses, our own mistakes.
MACHINE_WORDS = re.compile(
    r"\w+Error\b|\w+Exception\b|Traceback|error code|errno|\b0x[0-9a-f]{4,}|vips|libpng|gifload|"
    r"worker_lost|mistake in Giornata|RejectCode|(?-i:\bNone\b)",
    re.I,
)
# Beyond the size that is rendered here, with the verdict they have at any size.
DELIVERED = {
    "loris_jpeg_named.jp2",
    "pillow_jpeg_ff00_header.jpg",
    "pillow_photoshop-200dpi-broken.jpg",
    "pillow_pil_sample_cmyk.jpg",
    "sharp_16-bit-grey-alpha.png",
    "sharp_grey-8bit-alpha.png",
    "tiff_cmyk16_depth.tiff",
    "tiff_lab16.tif",
    "tiff_rgb16_small.tiff",
    "vips_indexed.png",
}
REFUSED = {
    "pillow_broken.png": "truncated",
    "pillow_hopper_bad_exif.jpg": "corrupt",
    "sharp_corrupt-header.jpg": "truncated",
    "sharp_rotating-squares.webp": "pages: first",
    "vips_17000x17000.avif": "bomb",
    "zimeon_red-19000x19000.png": "bomb",
    "photo_lighthouse_rgb48.ppm": "PPM",
    "tiff_4d_ome.tif": "float_range",
    "tiff_survey_plan_662260.tif": "old-style JPEG",
    "scan_sbb_bilevel_0001.tif": "max_pixels",
}


@pytest.fixture(scope="module")
def archive() -> Path:
    folder = Path(os.environ.get("GIORNATA_TEST_DATA", BESIDE_THE_REPOSITORY))
    if not all((folder / name).is_dir() for name in FOLDERS):
        pytest.skip("no test data: set GIORNATA_TEST_DATA to a folder that holds odd/ and scans/")
    return folder


def run(folder: Path, archive: Path) -> tuple[int, list[dict[str, object]], str]:
    """The exit code, the events and the words on stderr of one batch over everything."""
    (folder / "job.yaml").write_text(
        json.dumps(
            {
                "name": "archive",
                "inputs": [f"{archive}/{name}/**/*" for name in FOLDERS],
                "styles": ["udnie"],
                "destination": str(folder / "out"),
                "limits": {"max_pixels": RENDERED_PIXELS},
                "policy": {"canary": 0},  # half of this archive is there to be refused
            }
        )
    )
    command = [*WORDS, "run", "job.yaml", "--workers", "2", "--json"]
    environment = {**os.environ, "GIORNATA_HOME": str(folder / "home")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def told(rows: list[dict[str, str]]) -> str:
    """The table as a person reads it."""
    lines = [
        f"{Path(row['source']).name:48} {row['state']:12} {row['reason'] or row['warnings']}" for row in rows
    ]
    return "\n".join(lines)


def test_every_file_of_an_archive_is_delivered_or_told_why_not(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, events, errors = run(tmp_path, archive)
    assert code == COMPLETED_WITH_FAILURES, errors
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with capsys.disabled():
        print(f"\n{told(rows)}")  # noqa: T201
    there = {path.name for name in FOLDERS for path in (archive / name).rglob("*") if path.is_file()}
    assert {Path(row["source"]).name for row in rows} == there
    assert {row["state"] for row in rows} == {"done", "quarantined"}
    assert not [event for event in events if event["event"] == "worker_lost"]
    for row in rows:
        name, words = Path(row["source"]).name, f"{row['reason']} {row['warnings']}"
        assert not MACHINE_WORDS.search(words.replace(row["source"], "")), words
        if row["state"] == "quarantined":
            assert row["reason"]
            assert name not in DELIVERED, row["reason"]
            assert REFUSED.get(name, "") in row["reason"]
        else:
            assert name not in REFUSED
            written = pyvips.Image.new_from_file(row["target"], fail_on="warning")
            assert (written.width, written.height) == (int(row["width"]), int(row["height"]))
            assert written.deviate() > 1
