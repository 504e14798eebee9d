"""Files of a few kilobytes that claim to be vast cost neither time nor memory."""

import time
from pathlib import Path

import pytest

from giornata.workers.decoding.options import DecodeOptions, Limits
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.source import RejectCode
from tests.workers import hostile
from tests.workers.pictures import encoded, written

SECONDS, MEGABYTES = 1, 200
FORMATS = ("jpeg", "png", "tiff", "gif", "webp", "avif")


def peak_mb(pid: int | None) -> float:
    """The most memory that a process ever held, from its own books."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("no /proc here")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def refused_quickly(path: Path, folder: Path, reading: DecodeOptions | None = None) -> tuple[RejectCode, str]:
    with Sandbox() as sandbox:
        sandbox.inspect(written(folder / "good.png", encoded("png")))  # the start is not the file's fault
        pid, started = sandbox.pid, time.monotonic()
        verdict = sandbox.verdict(path, reading)
        assert time.monotonic() - started < SECONDS
        assert sandbox.pid == pid
        assert peak_mb(pid) < MEGABYTES
    assert verdict.code is not None
    return verdict.code, verdict.reason


@pytest.mark.parametrize("side", [19_000, 60_000, 65_536])
@pytest.mark.parametrize("format", FORMATS)
def test_a_small_file_that_claims_to_be_vast_is_refused_from_its_header(
    tmp_path: Path, format: str, side: int
) -> None:
    path = written(tmp_path / "bomb", hostile.bomb(format, side))
    assert path.stat().st_size < 20_000
    code, reason = refused_quickly(path, tmp_path)
    assert code is RejectCode.BOMB
    assert "bomb_pixels_per_byte" in reason


@pytest.mark.parametrize("format", FORMATS)
def test_the_other_limits_hold_where_the_job_turned_that_one_off(tmp_path: Path, format: str) -> None:
    path = written(tmp_path / "bomb", hostile.bomb(format, 65_536))
    reading = DecodeOptions(limits=Limits(bomb_pixels=10**12, max_pixels=10**8))
    code, reason = refused_quickly(path, tmp_path, reading)
    assert code is RejectCode.TOO_LARGE
    assert "the limit is 100000000 (max_pixels)" in reason


def test_a_tile_counts_and_not_only_the_picture(tmp_path: Path) -> None:
    code, reason = refused_quickly(written(tmp_path / "a.tif", hostile.tile_bomb()), tmp_path)
    assert code is RejectCode.TOO_LARGE
    assert "(max_tile_pixels)" in reason


def test_a_strip_counts_where_it_is_decoded_in_one_piece(tmp_path: Path) -> None:
    data = hostile.grey_tiff(width=60_000, height=60_000, compression=8)
    reading = DecodeOptions(limits=Limits(bomb_pixels=10**12))
    code, reason = refused_quickly(written(tmp_path / "a.tif", data), tmp_path, reading)
    assert code is RejectCode.TOO_LARGE
    assert "(memory_mb)" in reason


def test_directories_that_lie_upon_each_other_end(tmp_path: Path) -> None:
    data = hostile.overlapping_directories()
    assert len(data) < 110_000
    refused_quickly(written(tmp_path / "a.tif", data), tmp_path)
