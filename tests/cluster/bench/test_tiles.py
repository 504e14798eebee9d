"""The table of tiles says what docs/benchmarks.md says it does."""

from pathlib import Path

import pytest

from giornata.cluster.bench.tiles import Setting, measure


@pytest.mark.slow
def test_exact_tiles_are_the_whole_picture_and_naive_ones_are_not(tmp_path: Path) -> None:
    setting = Setting(width=384, height=256, tile_px=128, threads=2)
    rows = {row.name: row for row in measure(setting, tmp_path)}
    assert rows["exact"].psnr_db > 80
    assert rows["exact"].largest < 1
    assert abs(rows["exact"].seam) < 0.01
    assert rows["naive"].psnr_db < 35
    assert rows["naive"].seam > 1
    assert rows["naive"].psnr_db < rows["thumbnail"].psnr_db < rows["exact"].psnr_db
    assert all(row.seconds > 0 and row.peak_mb >= 0 for row in rows.values())
