"""Large pictures: time grows with the pixels, memory does not, and workers change no byte."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pyvips

from giornata.cluster.bench.giant import (
    GiantRow,
    GiantSetting,
    Scales,
    folder_bytes,
    linearity,
    measure,
    same_pixels,
    write_giant,
)
from tests.end_to_end.chaos import write_styles

# Workers without memory for features keep them on disk, as those of really large pictures do.
POOR = (
    sys.executable,
    "-c",
    "from giornata.cluster import session; session.FEATURES_SHARE = 1e-6\n"
    "from giornata.cluster.cli.main import main; main()",
)


@pytest.mark.parametrize("strips", [False, True])
def test_the_source_is_a_picture_of_that_size_full_of_detail(tmp_path: Path, strips: bool) -> None:
    write_giant(tmp_path / "a.tif", 1.5, strips=strips)
    made = pyvips.Image.new_from_file(str(tmp_path / "a.tif"))
    assert (made.width, made.height, made.bands) == (1225, 1225, 3)
    assert made.deviate() > 30
    write_giant(tmp_path / "b.tif", 1.5, strips=strips)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_scales_see_the_memory_of_children_and_the_files_on_scratch(tmp_path: Path) -> None:
    child = "import time; held = bytearray(80_000_000); time.sleep(3)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    process = subprocess.Popen([sys.executable, "-c", parent])
    with Scales(process.pid, tmp_path) as scales:
        process.wait()
    assert 80e6 < scales.peak_bytes < 200e6
    assert scales.peak_process_bytes <= scales.peak_bytes
    assert scales.scratch_bytes == folder_bytes(tmp_path) >= 1_000_000


def test_rows_are_compared_by_size_and_by_workers() -> None:
    def row(megapixels: float, workers: int, speed: float, sha256: str) -> GiantRow:
        return GiantRow(megapixels, workers, 1.0, speed, 1.0, 1.0, 1.0, sha256)

    rows = [row(25, 1, 1.0, "a"), row(25, 4, 4.0, "a"), row(400, 1, 0.9, "b"), row(400, 4, 3.0, "b")]
    assert linearity(rows) == 0.75
    assert same_pixels(rows)
    assert not same_pixels([*rows, row(400, 2, 1.0, "c")])


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_time_is_linear_memory_is_flat_and_workers_change_nothing(tmp_path: Path) -> None:
    write_styles(tmp_path / "styles")
    setting = GiantSetting(
        tmp_path, (4.0, 16.0), (1, 2), "ochre", str(tmp_path / "styles"), tile=256, overlap=0, command=POOR
    )
    started = time.monotonic()
    rows = measure(setting)
    assert same_pixels(rows)
    # A machine that others use as well is no measure of time; half is what no accident explains.
    assert linearity(rows) > 0.5 or os.getloadavg()[0] > (os.cpu_count() or 1), time.monotonic() - started
    by_size = {
        workers: [row.peak_pss_mb for row in rows if row.workers == workers] for workers in setting.workers
    }
    for small, large in by_size.values():
        assert large < small * 1.2 + 50
