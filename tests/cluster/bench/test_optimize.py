"""The table of an optimisation: which rows there are, what does not fit, and what rows say of each other."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from giornata.cluster.bench.optimize import (
    Row,
    Setting,
    compared,
    halos_of,
    needed_mb,
    settings_of,
)


def test_each_size_comes_whole_and_in_tiles_on_every_number_of_workers() -> None:
    rows = settings_of((256, 1024), (1, 4), Setting(0, 512))
    assert [(row.side_px, row.core_px, row.workers) for row in rows] == [
        (256, 256, 1),
        (1024, 1024, 1),
        (1024, 512, 1),
        (1024, 512, 4),
    ]


def test_a_whole_picture_needs_memory_by_its_area() -> None:
    small, large = needed_mb(Setting(1024, 1024)), needed_mb(Setting(2048, 2048))
    assert large == pytest.approx(4 * small)
    assert 800 < small < 2000  # 807 bytes of features a pixel, and 32 vectors


def test_halos_grow_the_work_as_the_areas_say() -> None:
    assert halos_of(Setting(512, 512)) == 1
    assert halos_of(Setting(512, 256)) == pytest.approx((256 + 48) ** 2 * 4 / 512**2)


def test_rows_are_compared_with_the_whole_and_with_one_worker() -> None:
    whole = Row(512, 512, 1, 1, 1.0, 900, 1.0)
    tiled = replace(whole, core_px=256, tiles=4, seconds_per_step=1.5)
    spread = replace(tiled, workers=4, seconds_per_step=0.5)
    assert compared(tiled, [whole]).slower == 1.5
    assert compared(spread, [whole, tiled]).faster == 3.0
    assert compared(spread, [whole, tiled]).slower is None


@pytest.mark.ray
@pytest.mark.slow
def test_workers_are_measured_and_what_does_not_fit_is_left_out() -> None:
    words = ["--size", "512", "--tile", "256", "--workers", "2", "--steps", "1", "--memory", "256", "--json"]
    # In a process of its own, since it starts a Ray of its own.
    command = [sys.executable, "-m", "giornata.cluster.cli.main", "bench", "optimize", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (table,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    (row,) = table["rows"]
    assert (row["side_px"], row["tiles"], row["workers"]) == (512, 4, 2)
    assert row["seconds_per_step"] > 0
    assert row["peak_mb"] > 50
    assert re.fullmatch(r"512 px whole: needed about \d+ MB, got 256", table["left_out"])
